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
#include "schedule.h"
#include "tcp_sensor.skel.h"
#include "totals.h"

/* A walk that wrote less than this never filled the kernel's buffer, so that it ran in one piece. */
#define ONE_PIECE_SIZE (16 * 1024)

/* Walks of one refresh: the second is for what the first one missed, and so on. Beyond, it is not complete. */
#define REFRESH_WALKS 16

/* Entries of the map `wanted`. */
#define WANTED_MAX 1024

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

void *passes_run(void *argument)
{
	struct session *session = argument;
	struct schedule last;
	struct audit audit = AUDIT_NONE;
	int error = 0;

	schedule_start(&last);
	while (!error) {
		struct pass pass;
		bool wanted;
		enum pass_kind kind = schedule_wait(session, &last, &audit, &wanted);

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
		schedule_note_end(&last, &pass.edge, pass.start_dropped);
	}
	stream_end(&session->stream);
	return NULL;
}
