// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "pass.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clocks.h"
#include "events.h"
#include "sweep_budget.h"
#include "tcp_sensor.skel.h"
#include "totals.h"

/* The kernel hands out at most 8 pages per read (bpf_seq_read); whole records as long as the buffer is not smaller. */
#define READ_PAGES 8

void pass_start(struct pass *pass, struct session *session, enum pass_kind kind)
{
	static uint32_t last_pass_id;
	struct tcp_sensor__bss *bss = session->skeleton->bss;

	*pass = (struct pass){
		.session = session,
		.edge = RECORD_INIT(struct pass_record, RECORD_PASS, PASS_BEGIN),
		.start_cpu_us = clock_thread_cpu_us(),
		.start_dropped = bss->ring_dropped,
	};
	pthread_mutex_lock(&session->lock); /* totals_command() notes which pass it came too late for */
	bss->pass_id = ++last_pass_id;
	bss->pass_counting = kind == PASS_SWEEP && totals_wanted(session);
	pthread_mutex_unlock(&session->lock);
	bss->sweep_count += kind == PASS_SWEEP;
	bss->pass_full = kind == PASS_REFRESH_FULL;
	bss->pass_audit = kind == PASS_AUDIT;
	bss->pass_sockets = bss->pass_connections = bss->pass_reported = 0;
	bss->pass_processes = bss->pass_marked = 0;
	bss->pass_last_tgid = bss->pass_reported_tgid = bss->counting_tgid = 0;
	pass->edge.mono_us = clock_mono_us();
	pass->events_before = bss->events;
	pass->edge.pass_id = last_pass_id;
	pass->edge.pass_kind = kind;
}

int pass_open(struct pass *pass, int link_fd)
{
	int fd = bpf_iter_create(link_fd);

	if (fd < 0) {
		pass->edge.error = errno;
	}
	return fd;
}

int pass_begin(struct pass *pass)
{
	if (pass->begun) {
		return 0;
	}
	pass->begun = true;
	return stream_write(&pass->session->stream, &pass->edge, sizeof(pass->edge));
}

ssize_t pass_copy(struct pass *pass, int fd)
{
	static char *buffer;
	static size_t buffer_size;
	ssize_t size;
	int error;

	if (!buffer) {
		buffer_size = READ_PAGES * (size_t)sysconf(_SC_PAGESIZE);
		buffer = malloc(buffer_size);
	}
	stream_await_calm(&pass->session->stream);
	size = buffer ? read(fd, buffer, buffer_size) : -1;
	if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
		return -EAGAIN; /* the kernel wants a pause after a million objects without output */
	}
	if (size < 0) {
		pass->edge.error = errno;
		return 0;
	}
	if (size == 0) {
		return 0;
	}
	error = pass_begin(pass);
	if (!error) {
		error = stream_write(&pass->session->stream, buffer, size);
	}
	return error ? error : size;
}

static void note_cpu(struct pass *pass)
{
	struct session *session = pass->session;

	if (pass->edge.pass_kind == PASS_AUDIT) {
		return; /* other passes were run in between */
	}
	pass->edge.cpu_us = clock_thread_cpu_us() - pass->start_cpu_us;
	if (pass->edge.pass_kind == PASS_SWEEP) {
		pthread_mutex_lock(&session->lock);
		pass->edge.budget_interval_ms =
			sweep_budget_interval_ms(pass->edge.cpu_us, session->intervals.sweep_cpu_max_ppm);
		pthread_mutex_unlock(&session->lock);
	}
}

int pass_end(struct pass *pass)
{
	const struct tcp_sensor__bss *bss = pass->session->skeleton->bss;
	uint64_t start_us = pass->edge.mono_us;

	pass->edge.header.cause = PASS_END;
	pass->edge.mono_us = clock_mono_us();
	pass->edge.duration_us = pass->edge.mono_us - start_us;
	pass->edge.sockets = bss->pass_sockets;
	pass->edge.connections = bss->pass_connections;
	pass->edge.reported = bss->pass_reported;
	pass->edge.processes = bss->pass_processes;
	pass->edge.marked = bss->pass_marked;
	note_cpu(pass);
	events_await(pass->session, pass->events_before);
	return stream_write(&pass->session->stream, &pass->edge, sizeof(pass->edge));
}
