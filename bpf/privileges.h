/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Down to CAP_BPF and CAP_PERFMON, before anything else is done. */
#ifndef STUCKD_PRIVILEGES_H
#define STUCKD_PRIVILEGES_H

#include <stdint.h>

/*
 * Gives up every capability but CAP_BPF and CAP_PERFMON, for good, and stops being root where that is allowed.
 * Returns 0, or -EPERM if one of the two is not there to keep.
 */
int privileges_drop(void);

/* The effective set, for the hello record. */
void privileges_effective(uint32_t *low, uint32_t *high);

#endif
