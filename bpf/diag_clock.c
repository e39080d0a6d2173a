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

static __u64 read_mono_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
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

/* A jiffy began before it is read, so that the earliest time at which one was read is nearest to its edge. */
static void learn_pair(int fd)
{
	static bool is_real; /* numbers of another origin must not follow */
	__u32 ms;
	bool is_told = read_jiffies_ms(fd, &ms);
	__u64 mono_ns = read_mono_ns();

	if (is_told) {
		is_real = true;
		clock_learn_pair(jiffies_of(ms, mono_ns), mono_ns);
	} else if (!is_real) {
		clock_learn_pair(mono_ns / clock_tick_ns(), mono_ns - mono_ns % clock_tick_ns());
	}
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	/* RestrictAddressFamilies= of systemd, for one, may allow either alone, or neither. */
	return fd >= 0 ? fd : socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}

void diag_clock_learn_tick(void)
{
	__u64 end_ns = read_mono_ns() + 2 * clock_tick_ns();
	int fd = open_socket();

	while (read_mono_ns() < end_ns) {
		learn_pair(fd);
	}
	if (fd >= 0) {
		close(fd);
	}
}

void diag_clock_fill(struct clock_record *record)
{
	int fd = open_socket();

	learn_pair(fd);
	if (fd >= 0) {
		close(fd);
	}
	clock_fill(record);
}
