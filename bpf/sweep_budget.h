/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How far apart sweeps have to be, so that they take no more than their share of a core. */
#ifndef STUCKD_SWEEP_BUDGET_H
#define STUCKD_SWEEP_BUDGET_H

#include <stdint.h>

/*
 * Never longer on account of the budget, though sweeps may then take more than their share: whoever looks at all sockets less
 * often than that does not know them.
 */
#define SWEEP_BUDGET_INTERVAL_MAX_MS 60000

/* All millionths of one core: no budget. */
#define SWEEP_CPU_PPM_MAX 1000000

/*
 * How long to wait behind a sweep that took `cpu_us`. Each sweep pays for itself and for nothing else: so the share holds over
 * any time, while one that was slow puts off only the next one.
 */
uint32_t sweep_budget_interval_ms(uint64_t cpu_us, uint32_t cpu_max_ppm);

/* The last sweep, as far as it matters for when the next one is due. */
struct swept {
	uint64_t cpu_us;
	uint32_t told_interval_ms; /* what its end record said */
	uint64_t ring_dropped;     /* events that were lost until it began */
};

/*
 * How long to wait behind it by now. A larger budget counts at once; a smaller one behind the next sweep, since the daemon was
 * told when to expect that. If events were lost since, there is no wait but the configured one: the next sweep makes up for
 * them. As long as each interval loses some, sweeps take what they take.
 */
uint32_t sweep_interval_ms(const struct swept *last, uint32_t configured_ms, uint32_t cpu_max_ppm,
			   uint64_t ring_dropped);

#endif
