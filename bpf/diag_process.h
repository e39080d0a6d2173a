/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One process, as /proc tells of it. */
#ifndef STUCKD_DIAG_PROCESS_H
#define STUCKD_DIAG_PROCESS_H

#include <stdbool.h>

#include "sensor_wire.h"

/*
 * When it started. /proc/PID/stat counts in clock ticks of 10 ms, so that it is up to 10 ms early, and always the same for the
 * same process. Returns 0 if there is no such process.
 */
__u64 diag_process_start_us(__u32 tgid);

/* Fills all but the pass. Returns false if there is no such process any more. */
bool diag_process_fill(struct process_record *record, __u32 tgid);

/* A thread of the kernel has no descriptors, though it does not let anybody look. */
bool diag_process_is_kernel_thread(__u32 tgid);

#endif
