/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which observer a session has: BPF programs where they can be had, else polling. */
#ifndef STUCKD_MODE_H
#define STUCKD_MODE_H

#include <linux/types.h>

#include "sensor_wire.h"

struct session;

/* What --mode allows. */
enum allowed_mode {
	ALLOW_ANY, /* MODE_EBPF, and MODE_POLLING where it cannot be had */
	ALLOW_EBPF,
	ALLOW_POLLING,
};

/* To be called once, before the first session; else any mode is allowed. */
void mode_allow(enum allowed_mode allowed);

/*
 * Sets `session->observer`: BPF programs that are loaded and attached, with thresholds at which they report nothing, or
 * polling, which is not open yet. Nothing is left of programs that were refused, and no privilege that the mode does not
 * use. Says nothing to the stream. Returns 0; or -errno with the reason in `session->refusal` if the only mode that is
 * allowed cannot be had, or BPF cannot be had for a reason that may pass.
 */
int mode_choose(struct session *session);

/*
 * After the first configuration: opens an observer that polls, writes the mode record, and lets the observer announce itself.
 * Returns 0, or -errno after a failure record or of a broken stream.
 */
int mode_open(struct session *session);

#endif
