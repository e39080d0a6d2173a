// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_clock.h"

#include <time.h>

#include "clocks.h"

/* The coarse clock moves with the tick, and only then. */
void diag_clock_fill(struct clock_record *record)
{
	struct timespec tick;
	__u64 tick_ns;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
	tick_ns = (__u64)tick.tv_sec * 1000000000ull + tick.tv_nsec;
	clock_learn_pair(tick_ns / clock_tick_ns(), tick_ns);
	clock_fill(record);
}
