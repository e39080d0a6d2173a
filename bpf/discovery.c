// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "discovery.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clocks.h"
#include "tcp_sensor.skel.h"

/* Runs the refresh as pass 0, which reports no mark: it leaves a pair of clocks and what it learnt behind. */
static int run_empty_refresh(struct session *session)
{
	char buffer[64];
	int fd = bpf_iter_create(bpf_link__fd(session->refresh_link));
	ssize_t size;

	if (fd < 0) {
		return -errno;
	}
	do {
		size = read(fd, buffer, sizeof(buffer));
	} while (size > 0 || (size < 0 && errno == EINTR));
	size = size < 0 ? -errno : 0;
	close(fd);
	clock_learn_pair(session->skeleton->bss->clock_jiffies, session->skeleton->bss->clock_mono_ns);
	return (int)size;
}

/* A TCP socket that is never connected: it takes no privilege, sends nothing, and has its timers from the beginning. */
static int open_own_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	/* RestrictAddressFamilies= of systemd, for one, may allow either alone, or neither. */
	return fd >= 0 ? fd : socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}

/* Marks our own socket, so that the next refresh visits it. Returns its descriptor, or -errno. */
static int mark_own_socket(const struct bpf_map *marks)
{
	void *mark = calloc(1, bpf_map__value_size(marks));
	int fd = open_own_socket();
	int error = fd < 0 ? -errno : 0;

	if (!mark) {
		error = -ENOMEM;
	}
	if (!error && bpf_map_update_elem(bpf_map__fd(marks), &fd, mark, BPF_NOEXIST)) {
		error = -errno;
	}
	if (error && fd >= 0) {
		close(fd);
	}
	free(mark);
	return error ? error : fd;
}

int discovery_run(struct session *session)
{
	const struct bpf_map *marks = session->skeleton->maps.marks;
	int fd = mark_own_socket(marks);
	int error = run_empty_refresh(session);

	session->own_socket_error = fd < 0 ? fd : 0;
	if (fd >= 0) {
		bpf_map_delete_elem(bpf_map__fd(marks), &fd);
		close(fd);
	}
	if (!session->own_socket_error && !session->skeleton->bss->keepalive_timer_address) {
		session->own_socket_error = -EPROTOTYPE; /* somebody made another protocol of it, such as MPTCP */
	}
	return error;
}

void discovery_learn_tick(struct session *session)
{
	uint64_t end_us = clock_mono_us() + 2 * clock_tick_ns() / 1000;

	/* The first pair after an edge is nearest to it. */
	while (clock_mono_us() < end_us) {
		run_empty_refresh(session);
	}
}
