// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "sweep_budget.h"

uint32_t sweep_budget_interval_ms(uint64_t cpu_us, uint32_t cpu_max_ppm)
{
	uint64_t interval_ms = cpu_us * 1000 / cpu_max_ppm; /* us / (ppm / 10^6) / 10^3 */

	return interval_ms < SWEEP_BUDGET_INTERVAL_MAX_MS ? interval_ms : SWEEP_BUDGET_INTERVAL_MAX_MS;
}

uint32_t sweep_interval_ms(const struct swept *last, uint32_t configured_ms, uint32_t cpu_max_ppm,
			   uint64_t ring_dropped)
{
	uint32_t budget_ms = sweep_budget_interval_ms(last->cpu_us, cpu_max_ppm);

	if (last->told_interval_ms < budget_ms) {
		budget_ms = last->told_interval_ms;
	}
	return ring_dropped != last->ring_dropped || budget_ms < configured_ms ? configured_ms : budget_ms;
}
