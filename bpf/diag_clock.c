// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_clock.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"

/* Reads of both clocks until a tick falls between none of them. */
#define TRIES 8

/* How long before the next tick is due both must have been read: the kernel counts it first and moves its clock then. */
#define MARGIN_NS 200000

static __u64 read_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (__u64)time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* What tcp_get_info() tells of a socket that never sent anything: the age of a stamp of 0, which is jiffies in milliseconds. */
static bool read_jiffies_ms(int fd, __u32 *ms)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size)) {
		return false;
	}
	*ms = info.tcpi_last_data_sent;
	return true;
}

/*
 * The low 32 bits of jiffies, in milliseconds modulo 2^32, as a number of 64 bits: the one nearest to what the time since boot
 * makes of the number at boot, which is INITIAL_JIFFIES.
 */
static __u64 jiffies_of(__u32 ms, __u64 mono_ns)
{
	__u64 hz = clock_hz();
	__u64 expected = (1ull << 32) - 300 * hz + mono_ns / clock_tick_ns();
	__u64 expected_low_ms = (expected & UINT32_MAX) * 1000 / hz;
	__s64 apart_ms = (__s32)(ms - (__u32)expected_low_ms);
	__s64 low_ms = (__s64)expected_low_ms + apart_ms;

	/* Rounded up: the kernel rounds down where a tick is no whole number of milliseconds. */
	return (expected & ~(__u64)UINT32_MAX) + (low_ms * (__s64)hz + 999) / 1000;
}

/* The coarse clock moves with the tick, and only then: what it says is when the present jiffy began. */
static void learn(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	for (int i = 0; i < TRIES; i++) {
		__u64 before = read_ns(CLOCK_MONOTONIC_COARSE);
		__u32 ms;

		if (!read_jiffies_ms(fd, &ms)) {
			clock_learn_pair(before / clock_tick_ns(), before); /* ticks since an instant of our own */
			break;
		}
		if (read_ns(CLOCK_MONOTONIC_COARSE) == before &&
		    read_ns(CLOCK_MONOTONIC) + MARGIN_NS < before + clock_tick_ns()) {
			clock_learn_pair(jiffies_of(ms, before), before);
			break;
		}
	}
	if (fd >= 0) {
		close(fd);
	}
}

void diag_clock_fill(struct clock_record *record)
{
	learn();
	clock_fill(record);
}
