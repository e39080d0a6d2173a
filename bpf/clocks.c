// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "clocks.h"

#include <time.h>

static uint64_t now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000ull + time.tv_nsec;
}

uint64_t clock_mono_us(void)
{
	return now_ns(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_thread_cpu_us(void)
{
	return now_ns(CLOCK_THREAD_CPUTIME_ID) / 1000;
}

uint64_t clock_tick_ns(void)
{
	struct timespec resolution;

	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return (uint64_t)resolution.tv_nsec;
}

uint32_t clock_hz(void)
{
	uint64_t tick_ns = clock_tick_ns();

	return (uint32_t)((1000000000ull + tick_ns / 2) / tick_ns);
}

/* The best known edge: jiffy `edge_jiffies` began at `edge_ns`. Ticks are hrtimers on CLOCK_MONOTONIC: no drift. */
static uint64_t edge_jiffies;
static uint64_t edge_ns;

void clock_learn_pair(uint64_t jiffies, uint64_t mono_ns)
{
	uint64_t expected;

	if (jiffies == 0) {
		return;
	}
	if (edge_jiffies == 0 || jiffies < edge_jiffies) {
		edge_jiffies = jiffies;
		edge_ns = mono_ns;
		return;
	}
	expected = edge_ns + (jiffies - edge_jiffies) * clock_tick_ns();
	edge_jiffies = jiffies;
	edge_ns = mono_ns < expected ? mono_ns : expected;
}

void clock_fill(struct clock_record *record)
{
	uint64_t tick_ns = clock_tick_ns();
	uint64_t mono_ns = now_ns(CLOCK_MONOTONIC);

	record->mono_us = mono_ns / 1000;
	record->real_us = now_ns(CLOCK_REALTIME) / 1000;
	record->boot_us = now_ns(CLOCK_BOOTTIME) / 1000;
	if (edge_jiffies == 0 || mono_ns < edge_ns) {
		record->jiffies = edge_jiffies;
		record->jiffy_edge_us = edge_ns / 1000;
		return;
	}
	uint64_t passed = (mono_ns - edge_ns) / tick_ns;

	record->jiffies = edge_jiffies + passed;
	record->jiffy_edge_us = (edge_ns + passed * tick_ns) / 1000;
}
