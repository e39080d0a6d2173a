// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "passes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"
#include "tcp_sensor.skel.h"
#include "totals.h"

/* The kernel hands out at most 8 pages per read (bpf_seq_read); whole records as long as the buffer is not smaller. */
#define READ_PAGES 8

/* A walk that wrote less than this never filled the kernel's buffer, so that it ran in one piece. */
#define ONE_PIECE_SIZE (16 * 1024)

/* Walks of one refresh: the second is for what the first one missed, and so on. Beyond, it is not complete. */
#define REFRESH_WALKS 16

/* A requested pass waits until this long after the last one: a storm of requests must not become a busy loop. */
#define PASS_GAP_US 20000

/* Entries of the map `wanted`. */
#define WANTED_MAX 1024

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
	case PASS_AUDIT:
		session->audit_wanted = true;
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

/*
 * Copies what the iterator writes to the stream, and adds its size to `copied`. Returns 0, or -errno of the stream; the
 * iterator's own is in `edge`.
 */
static int copy_records(struct pass *pass, int link_fd, size_t *copied)
{
	static char *buffer;
	static size_t buffer_size;
	int fd, error = 0;

	if (!buffer) {
		buffer_size = READ_PAGES * (size_t)sysconf(_SC_PAGESIZE);
		buffer = malloc(buffer_size);
	}
	fd = buffer ? bpf_iter_create(link_fd) : -1;
	if (fd < 0) {
		pass->edge.error = errno;
		return 0;
	}
	while (!error) {
		ssize_t size = read(fd, buffer, buffer_size);

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
			*copied += size;
		}
	}
	close(fd);
	return error;
}

/*
 * Between two reads the kernel remembers its place in a list of marks by counting: every mark that goes meanwhile, also
 * one that this very refresh cleared, makes it skip one. So it walks again, and reports what no walk of this refresh has
 * visited, until a walk ran in one piece.
 */
static int copy_refresh(struct pass *pass)
{
	int link_fd = bpf_link__fd(pass->session->refresh_link);

	for (int walk = 0; walk < REFRESH_WALKS; walk++) {
		size_t copied = 0;
		int error = copy_records(pass, link_fd, &copied);

		if (error || pass->edge.error || copied < ONE_PIECE_SIZE) {
			return error;
		}
	}
	pass->edge.error = EAGAIN;
	return 0;
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

static bool visits_descriptors(enum pass_kind kind)
{
	return kind == PASS_SWEEP || kind == PASS_AUDIT;
}

/* With `quiet`, a pass that visits nothing leaves no trace in the stream. */
static int run_pass(struct session *session, enum pass_kind kind, bool quiet)
{
	static uint32_t last_pass_id;
	struct tcp_sensor__bss *bss = session->skeleton->bss;
	struct pass pass = {
		.session = session,
		.edge = RECORD_INIT(struct pass_record, RECORD_PASS, PASS_BEGIN),
	};
	size_t copied = 0;
	int error;

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

	pass.edge.mono_us = clock_mono_us();
	pass.edge.pass_id = last_pass_id;
	pass.edge.pass_kind = kind;
	error = visits_descriptors(kind) ? copy_records(&pass, bpf_link__fd(session->sweep_link), &copied)
					 : copy_refresh(&pass);
	if (error || (quiet && bss->pass_sockets == 0 && !pass.edge.error)) {
		return error;
	}
	error = begin_pass(&pass);
	if (!error && bss->pass_counting) {
		error = totals_write(session, last_pass_id, &pass.edge.error);
	}
	return error ? error : end_pass(&pass);
}

/* The sweep has told of everybody who was wanted before it began. */
static void forget_wanted(struct session *session)
{
	static uint32_t told[WANTED_MAX];
	struct tcp_sensor__bss *bss = session->skeleton->bss;
	int map_fd = bpf_map__fd(session->skeleton->maps.wanted);
	uint32_t tgid, sweep;
	uint32_t *previous = NULL;
	size_t count = 0;

	if (!bss->wanted_count) {
		return;
	}
	/* Deleted after the walk: one that meets its own deletion begins anew. */
	while (count < WANTED_MAX && bpf_map_get_next_key(map_fd, previous, &tgid) == 0) {
		previous = &tgid;
		if (bpf_map_lookup_elem(map_fd, &tgid, &sweep) == 0 && sweep != bss->sweep_count) {
			told[count++] = tgid;
		}
	}
	while (count > 0) {
		if (bpf_map_delete_elem(map_fd, &told[--count]) == 0) {
			__sync_fetch_and_sub(&bss->wanted_count, 1);
		}
	}
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
	counters.count_rejected = session->count_rejected;
	counters.holdings_dropped = bss->holdings_dropped;
	error = stream_write(&session->stream, &clock, sizeof(clock));
	return error ? error : stream_write(&session->stream, &counters, sizeof(counters));
}

/* When each pass ended last, or is due next; CLOCK_MONOTONIC us. */
struct schedule {
	uint64_t refresh_us;
	uint64_t full_refresh_us;
	uint64_t sweep_us;
};

/* Computed anew each time, since the daemon may change the intervals while they run. */
static struct schedule due_times(const struct schedule *last, const struct intervals *intervals)
{
	return (struct schedule){
		.refresh_us = last->refresh_us + intervals->refresh_ms * 1000ull,
		.full_refresh_us = last->full_refresh_us + intervals->full_refresh_ms * 1000ull,
		.sweep_us = last->sweep_us ? last->sweep_us + intervals->sweep_ms * 1000ull : 0,
	};
}

static uint64_t earliest(const struct schedule *schedule)
{
	uint64_t due = schedule->refresh_us;

	due = schedule->full_refresh_us < due ? schedule->full_refresh_us : due;
	return schedule->sweep_us < due ? schedule->sweep_us : due;
}

/*
 * Waits until a pass is due or wanted; returns which one to run. A sweep goes first: owners are waited for. An audit goes
 * last: what is stuck now counts for more than what might be. `wanted` says
 * whether the daemon asked for it, so that it waits for an answer even if there is nothing to tell.
 */
static enum pass_kind wait_for_pass(struct session *session, const struct schedule *last, bool *wanted)
{
	enum pass_kind kind;

	pthread_mutex_lock(&session->lock);
	for (;;) {
		uint64_t now_us = clock_mono_us();
		struct schedule due = due_times(last, &session->intervals);
		uint64_t due_us = earliest(&due);
		struct timespec until = {due_us / 1000000, due_us % 1000000 * 1000};

		if (session->sweep_wanted || now_us >= due.sweep_us) {
			kind = PASS_SWEEP;
			*wanted = session->sweep_wanted;
			session->sweep_wanted = false;
			break;
		}
		if (session->full_refresh_wanted || now_us >= due.full_refresh_us) {
			kind = PASS_REFRESH_FULL;
			*wanted = session->full_refresh_wanted || session->refresh_wanted;
			session->full_refresh_wanted = session->refresh_wanted = false;
			break;
		}
		if (session->refresh_wanted || now_us >= due.refresh_us) {
			kind = PASS_REFRESH;
			*wanted = session->refresh_wanted;
			session->refresh_wanted = false;
			break;
		}
		if (session->audit_wanted) {
			kind = PASS_AUDIT;
			*wanted = true;
			session->audit_wanted = false;
			break;
		}
		pthread_cond_timedwait(&session->wake, &session->lock, &until);
	}
	pthread_mutex_unlock(&session->lock);
	return kind;
}

static void note_end(struct schedule *last, enum pass_kind kind)
{
	uint64_t now_us = clock_mono_us();

	switch (kind) {
	case PASS_SWEEP:
		last->sweep_us = now_us;
		break;
	case PASS_REFRESH_FULL:
		last->full_refresh_us = last->refresh_us = now_us;
		break;
	case PASS_REFRESH:
		last->refresh_us = now_us;
		break;
	case PASS_AUDIT: /* only ever on request */
		break;
	}
}

void *passes_run(void *argument)
{
	struct session *session = argument;
	struct schedule last = {0}; /* a sweep is due at once: the first complete picture */
	int error = 0;

	note_end(&last, PASS_REFRESH_FULL);
	while (!error) {
		bool wanted;
		enum pass_kind kind = wait_for_pass(session, &last, &wanted);

		/* A full refresh that finds nothing says that everything is gone: events may have been lost. */
		error = run_pass(session, kind, kind == PASS_REFRESH && !wanted);
		if (!error && kind == PASS_SWEEP) {
			forget_wanted(session);
			error = write_health(session);
		}
		note_end(&last, kind);
		usleep(PASS_GAP_US);
	}
	stream_end(&session->stream);
	return NULL;
}
