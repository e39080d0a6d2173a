// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What bpf/sweep_budget.c makes of numbers.
 *
 *   sweep-interval CPU_US TOLD_MS DROPPED CONFIGURED_MS CPU_MAX_PPM DROPPED_NOW
 *
 * The first three are of the last sweep. Answered by "BUDGET_MS INTERVAL_MS".
 */
#include "../../../bpf/sweep_budget.c"

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
	unsigned long long values[6];
	struct swept last;

	if (count != 7) {
		return 2;
	}
	for (int i = 0; i < 6; i++) {
		values[i] = strtoull(arguments[i + 1], NULL, 10);
	}
	last = (struct swept){.cpu_us = values[0], .told_interval_ms = values[1], .ring_dropped = values[2]};
	printf("%u %u\n", sweep_budget_interval_ms(values[0], values[4]),
	       sweep_interval_ms(&last, values[3], values[4], values[5]));
	return 0;
}
