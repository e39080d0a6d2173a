// SPDX-License-Identifier: Apache-2.0
/* Prints the frequency of this CPU's time stamp counter in kHz, measured against CLOCK_MONOTONIC for half a second. */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define PERIOD_NS 500000000

static long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(void)
{
	long long start_ns = now_ns(), end_ns;
	unsigned long long start = __rdtsc(), ticks;

	do {
		end_ns = now_ns();
		ticks = __rdtsc() - start;
	} while (end_ns - start_ns < PERIOD_NS);
	printf("%llu\n", (unsigned long long)(ticks * 1e6 / (end_ns - start_ns)));
	return 0;
}
