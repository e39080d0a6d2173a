// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "passes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audits.h"
#include "clocks.h"
#include "pass.h"
#include "sweep_budget.h"
#include "tcp_sensor.skel.h"
#include "totals.h"

/* A walk that wrote less than this never filled the kernel's buffer, so that it ran in one piece. */
#define ONE_PIECE_SIZE (16 * 1024)

/* Walks of one refresh: the second is for what the first one missed, and so on. Beyond, it is not complete. */
#define REFRESH_WALKS 16

/*
 * A pass waits until this long after the last one: a storm of requests must not become a busy loop. What is left of the time
 * belongs to an audit, so that no storm keeps it waiting for ever.
 */
#define PASS_GAP_US 20000

/* Entries of the map `wanted`. */
#define WANTED_MAX 1024

void passes_request(struct session *session, const struct pass_command *command)
{
	pthread_mutex_lock(&session->lock);
	switch ((enum pass_kind)command->pass_kind) {
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
		session->audit_report_max = command->report_max;
		break;
	}
	pthread_cond_signal(&session->wake);
	pthread_mutex_unlock(&session->lock);
}

/* Copies a whole walk, and adds its size to `copied`. Returns 0, or -errno of the stream. */
static int copy_walk(struct pass *pass, const struct bpf_link *link, size_t *copied)
{
	int fd = pass_open(pass, bpf_link__fd(link));
	ssize_t size;

	if (fd < 0) {
		return 0;
	}
	do {
		size = pass_copy(pass, fd);
		*copied += size > 0 ? size : 0;
	} while (size > 0 || size == -EAGAIN);
	close(fd);
	return (int)size;
}

/*
 * Between two reads the kernel remembers its place in a list of marks by counting: every mark that goes meanwhile, also
 * one that this very refresh cleared, makes it skip one. So it walks again, and reports what no walk of this refresh has
 * visited, until a walk ran in one piece.
 */
static int copy_refresh(struct pass *pass)
{
	for (int walk = 0; walk < REFRESH_WALKS; walk++) {
		size_t copied = 0;
		int error = copy_walk(pass, pass->session->refresh_link, &copied);

		if (error || pass->edge.error || copied < ONE_PIECE_SIZE) {
			return error;
		}
	}
	pass->edge.error = EAGAIN;
	return 0;
}

/* Any pass but an audit. With `quiet`, one that visits nothing leaves no trace in the stream. */
static int run_pass(struct pass *pass, struct session *session, enum pass_kind kind, bool quiet)
{
	const struct tcp_sensor__bss *bss = session->skeleton->bss;
	size_t copied = 0;
	int error;

	pass_start(pass, session, kind);
	error = kind == PASS_SWEEP ? copy_walk(pass, session->sweep_link, &copied) : copy_refresh(pass);
	if (error || (quiet && bss->pass_sockets == 0 && !pass->edge.error)) {
		return error;
	}
	error = pass_begin(pass);
	if (!error && bss->pass_counting) {
		error = totals_write(session, pass->edge.pass_id, &pass->edge.error);
	}
	return error ? error : pass_end(pass);
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
	uint64_t any_us; /* none of them before that */
	struct swept swept;
};

/*
 * Computed anew each time, since the daemon may change the intervals while they run. Refreshes are no part of the CPU budget
 * of sweeps: what they cost grows with what is stuck, not with the machine, and that is what has to be true. 50,000 stuck
 * connections in which nothing moves take 30 ms each second.
 */
static struct schedule due_times(const struct schedule *last, const struct session *session)
{
	const struct intervals *intervals = &session->intervals;
	uint64_t sweep_ms = sweep_interval_ms(&last->swept, intervals->sweep_ms, intervals->sweep_cpu_max_ppm,
					      session->skeleton->bss->ring_dropped);

	return (struct schedule){
		.refresh_us = last->refresh_us + intervals->refresh_ms * 1000ull,
		.full_refresh_us = last->full_refresh_us + intervals->full_refresh_ms * 1000ull,
		.sweep_us = last->sweep_us ? last->sweep_us + sweep_ms * 1000 : 0,
		.any_us = last->any_us,
	};
}

static uint64_t earliest(const struct schedule *schedule)
{
	uint64_t due = schedule->refresh_us;

	due = schedule->full_refresh_us < due ? schedule->full_refresh_us : due;
	return schedule->sweep_us < due ? schedule->sweep_us : due;
}

/*
 * Which pass is due or wanted now, if any; 0 if none is. A sweep goes first: owners are waited for. `wanted` says whether the
 * daemon asked for it, so that it waits for an answer even if there is nothing to tell. To be called with the lock.
 */
static enum pass_kind next_pass(struct session *session, const struct schedule *due, uint64_t now_us, bool *wanted)
{
	if (now_us < due->any_us) {
		return 0;
	}
	if (session->sweep_wanted || now_us >= due->sweep_us) {
		*wanted = session->sweep_wanted;
		session->sweep_wanted = false;
		return PASS_SWEEP;
	}
	if (session->full_refresh_wanted || now_us >= due->full_refresh_us) {
		*wanted = session->full_refresh_wanted || session->refresh_wanted;
		session->full_refresh_wanted = session->refresh_wanted = false;
		return PASS_REFRESH_FULL;
	}
	if (session->refresh_wanted || now_us >= due->refresh_us) {
		*wanted = session->refresh_wanted;
		session->refresh_wanted = false;
		return PASS_REFRESH;
	}
	return 0;
}

/*
 * Waits until there is something to run, and returns what. Of an audit it is the next piece, which goes last: what is stuck
 * now counts for more than what might be.
 */
static enum pass_kind wait_for_pass(struct session *session, const struct schedule *last, const struct audit *audit,
				    bool *wanted)
{
	enum pass_kind kind;

	pthread_mutex_lock(&session->lock);
	for (;;) {
		uint64_t now_us = clock_mono_us();
		struct schedule due = due_times(last, session);
		uint64_t until_us = now_us < due.any_us ? due.any_us : earliest(&due);
		struct timespec until;
		bool audits = session->audit_wanted || audit_is_under_way(audit);

		kind = next_pass(session, &due, now_us, wanted);
		if (!kind && audits && audit_may_go_on(audit, session, now_us)) {
			kind = PASS_AUDIT;
		}
		if (kind) {
			break;
		}
		if (audits && audit_retry_us(audit, now_us) < until_us) {
			until_us = audit_retry_us(audit, now_us);
		}
		until = (struct timespec){until_us / 1000000, until_us % 1000000 * 1000};
		pthread_cond_timedwait(&session->wake, &session->lock, &until);
	}
	pthread_mutex_unlock(&session->lock);
	return kind;
}

/* The next piece of the audit that is under way, or the first of the one that is wanted. */
static int run_audit(struct session *session, struct audit *audit)
{
	uint32_t report_max;

	pthread_mutex_lock(&session->lock);
	report_max = session->audit_report_max;
	if (!audit_is_under_way(audit)) {
		session->audit_wanted = false;
	}
	pthread_mutex_unlock(&session->lock);
	return audit_go_on(audit, session, report_max);
}

static void note_end(struct schedule *last, const struct pass *pass)
{
	uint64_t now_us = clock_mono_us();

	switch ((enum pass_kind)pass->edge.pass_kind) {
	case PASS_SWEEP:
		last->sweep_us = now_us;
		last->swept = (struct swept){
			.cpu_us = pass->edge.cpu_us,
			.told_interval_ms = pass->edge.budget_interval_ms,
			.ring_dropped = pass->start_dropped,
		};
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
	last->any_us = now_us + PASS_GAP_US;
}

void *passes_run(void *argument)
{
	struct session *session = argument;
	uint64_t start_us = clock_mono_us();
	/* A sweep is due at once: the first complete picture. */
	struct schedule last = {.refresh_us = start_us, .full_refresh_us = start_us};
	struct audit audit = AUDIT_NONE;
	int error = 0;

	while (!error) {
		struct pass pass;
		bool wanted;
		enum pass_kind kind = wait_for_pass(session, &last, &audit, &wanted);

		if (kind == PASS_AUDIT) {
			error = run_audit(session, &audit);
			continue; /* it keeps its own pauses */
		}
		/* A full refresh that finds nothing says that everything is gone: events may have been lost. */
		error = run_pass(&pass, session, kind, kind == PASS_REFRESH && !wanted);
		if (!error && kind == PASS_SWEEP) {
			forget_wanted(session);
			error = write_health(session);
		}
		note_end(&last, &pass);
	}
	stream_end(&session->stream);
	return NULL;
}
