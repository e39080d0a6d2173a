/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the sensor may do: down to what it may need before anything else is done, then to what it needs. */
#ifndef STUCKD_PRIVILEGES_H
#define STUCKD_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mode.h"

/* A capability that a mode uses. */
struct privilege {
	int capability;
	const char *name;
	const char *why;  /* in which mode, and for what */
	const char *loss; /* what stuckd cannot do without it */
};

enum { PRIVILEGE_COUNT = 5 };
extern const struct privilege privileges[PRIVILEGE_COUNT];

/*
 * Gives up, for good, every capability that no allowed mode uses, and stops being root where that is allowed. CAP_BPF and
 * CAP_PERFMON are effective if they may be used; those for polling too unless BPF is to be tried first, and then they are
 * only permitted (with CAP_SETPCAP, which the rest of the way down takes). Returns 0; or -EPERM if no mode but MODE_EBPF is
 * allowed and a capability that it needs is not there, or another -errno.
 */
int privileges_prepare(enum allowed_mode allowed);

/* Whether BPF may be tried: CAP_BPF and CAP_PERFMON are there. */
bool privileges_allow_bpf(void);

/*
 * The rest of the way down, once the mode is chosen, before a thread is started: nothing is left that this mode does not
 * use. Returns 0, or -errno.
 */
int privileges_settle(enum sensor_mode mode);

/* Says in one sentence what was missing for BPF when privileges_prepare() was called, and what to do. */
void privileges_explain(char *message, size_t size);

/* Whether this process was given a capability, effective or not. */
bool privileges_hold(int capability);

/* The effective set, for the hello record. */
void privileges_effective(uint32_t *low, uint32_t *high);

#endif
