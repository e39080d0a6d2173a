// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "passes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"
#include "tcp_sensor.skel.h"

/* The kernel hands out at most 8 pages per read (bpf_seq_read); whole records as long as the buffer is not smaller. */
#define READ_SIZE (64 * 1024)

/* A requested pass waits until this long after the last one: a storm of requests must not become a busy loop. */
#define PASS_GAP_US 20000

void passes_request(struct session *session, enum pass_kind kind)
{
	pthread_mutex_lock(&session->lock);
	switch (kind) {
	case PASS_SWEEP:
		session->sweep_wanted = true;
		break;
	case PASS_REFRESH_FULL:
		session->full_refresh_wanted = true;
		break;
	case PASS_REFRESH:
		session->refresh_wanted = true;
		break;
	}
	pthread_cond_signal(&session->wake);
	pthread_mutex_unlock(&session->lock);
}

/* One pass that is running. */
struct pass {
	struct session *session;
	struct pass_record edge;
	bool begun; /* its begin record was written */
};

/* The begin record waits for the first output, so that a pass that finds nothing need not wake the daemon. */
static int begin_pass(struct pass *pass)
{
	if (pass->begun) {
		return 0;
	}
	pass->begun = true;
	return stream_write(&pass->session->stream, &pass->edge, sizeof(pass->edge));
}

/* Copies what the iterator writes to the stream. Returns 0, or -errno of the stream; the iterator's own is in `edge`. */
static int copy_records(struct pass *pass, int link_fd)
{
	static char buffer[READ_SIZE];
	int fd = bpf_iter_create(link_fd);
	int error = 0;

	if (fd < 0) {
		pass->edge.error = errno;
		return 0;
	}
	while (!error) {
		ssize_t size = read(fd, buffer, sizeof(buffer));

		if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue; /* EAGAIN: the kernel wants a pause after a million objects without output */
		}
		if (size < 0) {
			pass->edge.error = errno;
			break;
		}
		if (size == 0) {
			break;
		}
		error = begin_pass(pass);
		if (!error) {
			error = stream_write(&pass->session->stream, buffer, size);
		}
	}
	close(fd);
	return error;
}

static int end_pass(struct pass *pass)
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
	return stream_write(&pass->session->stream, &pass->edge, sizeof(pass->edge));
}

/* With `quiet`, a pass that visits nothing leaves no trace in the stream. */
static int run_pass(struct session *session, enum pass_kind kind, bool quiet)
{
	static uint32_t last_pass_id;
	struct tcp_sensor__bss *bss = session->skeleton->bss;
	struct bpf_link *link = kind == PASS_SWEEP ? session->sweep_link : session->refresh_link;
	struct pass pass = {
		.session = session,
		.edge = RECORD_INIT(struct pass_record, RECORD_PASS, PASS_BEGIN),
	};
	int error;

	bss->pass_id = ++last_pass_id;
	bss->pass_full = kind == PASS_REFRESH_FULL;
	bss->pass_sockets = bss->pass_connections = bss->pass_reported = 0;
	bss->pass_processes = bss->pass_marked = 0;
	bss->pass_last_tgid = bss->pass_reported_tgid = 0;

	pass.edge.mono_us = clock_mono_us();
	pass.edge.pass_id = last_pass_id;
	pass.edge.pass_kind = kind;
	error = copy_records(&pass, bpf_link__fd(link));
	if (error || (quiet && bss->pass_sockets == 0 && !pass.edge.error)) {
		return error;
	}
	error = begin_pass(&pass);
	return error ? error : end_pass(&pass);
}

/* After a sweep: the clocks, and what was lost. */
static int write_health(struct session *session)
{
	const struct tcp_sensor__bss *bss = session->skeleton->bss;
	struct clock_record clock = RECORD_INIT(struct clock_record, RECORD_CLOCK, 0);
	struct counters_record counters = RECORD_INIT(struct counters_record, RECORD_COUNTERS, 0);
	int error;

	clock_learn_pair(bss->clock_jiffies, bss->clock_mono_ns);
	clock_fill(&clock);
	counters.ring_dropped = bss->ring_dropped;
	counters.events = bss->events;
	counters.mark_failed = bss->mark_failed;
	counters.retransmits_seen = bss->retransmits_seen;
	counters.keepalive_seen = bss->keepalive_seen;
	counters.watch_rejected = session->watch_rejected;
	error = stream_write(&session->stream, &clock, sizeof(clock));
	return error ? error : stream_write(&session->stream, &counters, sizeof(counters));
}

/* When each pass is due next, CLOCK_MONOTONIC us. */
struct schedule {
	uint64_t refresh_us;
	uint64_t full_refresh_us;
	uint64_t sweep_us;
};

static uint64_t earliest(const struct schedule *schedule)
{
	uint64_t due = schedule->refresh_us;

	due = schedule->full_refresh_us < due ? schedule->full_refresh_us : due;
	return schedule->sweep_us < due ? schedule->sweep_us : due;
}

/*
 * Waits until a pass is due or wanted; returns which one to run. A sweep goes first: owners are waited for. `wanted` says
 * whether the daemon asked for it, so that it waits for an answer even if there is nothing to tell.
 */
static enum pass_kind wait_for_pass(struct session *session, const struct schedule *schedule, bool *wanted)
{
	enum pass_kind kind;

	pthread_mutex_lock(&session->lock);
	for (;;) {
		uint64_t now_us = clock_mono_us();
		uint64_t due_us = earliest(schedule);
		struct timespec until = {due_us / 1000000, due_us % 1000000 * 1000};

		if (session->sweep_wanted || now_us >= schedule->sweep_us) {
			kind = PASS_SWEEP;
			*wanted = session->sweep_wanted;
			session->sweep_wanted = false;
			break;
		}
		if (session->full_refresh_wanted || now_us >= schedule->full_refresh_us) {
			kind = PASS_REFRESH_FULL;
			*wanted = session->full_refresh_wanted || session->refresh_wanted;
			session->full_refresh_wanted = session->refresh_wanted = false;
			break;
		}
		if (session->refresh_wanted || now_us >= schedule->refresh_us) {
			kind = PASS_REFRESH;
			*wanted = session->refresh_wanted;
			session->refresh_wanted = false;
			break;
		}
		pthread_cond_timedwait(&session->wake, &session->lock, &until);
	}
	pthread_mutex_unlock(&session->lock);
	return kind;
}

static void reschedule(struct session *session, struct schedule *schedule, enum pass_kind kind)
{
	uint64_t now_us = clock_mono_us();
	struct intervals intervals;

	pthread_mutex_lock(&session->lock);
	intervals = session->intervals;
	pthread_mutex_unlock(&session->lock);
	switch (kind) {
	case PASS_SWEEP:
		schedule->sweep_us = now_us + intervals.sweep_ms * 1000ull;
		break;
	case PASS_REFRESH_FULL:
		schedule->full_refresh_us = now_us + intervals.full_refresh_ms * 1000ull;
		schedule->refresh_us = now_us + intervals.refresh_ms * 1000ull;
		break;
	case PASS_REFRESH:
		schedule->refresh_us = now_us + intervals.refresh_ms * 1000ull;
		break;
	}
}

void *passes_run(void *argument)
{
	struct session *session = argument;
	struct schedule schedule = {0}; /* everything is due at once: the first complete picture */
	int error = 0;

	reschedule(session, &schedule, PASS_REFRESH_FULL);
	while (!error) {
		bool wanted;
		enum pass_kind kind = wait_for_pass(session, &schedule, &wanted);

		error = run_pass(session, kind, kind != PASS_SWEEP && !wanted);
		if (!error && kind == PASS_SWEEP) {
			error = write_health(session);
		}
		reschedule(session, &schedule, kind);
		usleep(PASS_GAP_US);
	}
	return NULL;
}
