// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "schedule.h"

#include "audits.h"
#include "clocks.h"
#include "observer.h"

/*
 * A pass waits until this long after the last one: a storm of requests must not become a busy loop. What is left of the time
 * belongs to an audit, so that no storm keeps it waiting for ever.
 */
#define PASS_GAP_US 20000

void schedule_start(struct schedule *last)
{
	uint64_t now_us = clock_mono_us();

	*last = (struct schedule){.refresh_us = now_us, .full_refresh_us = now_us};
}

void schedule_request(struct session *session, const struct pass_command *command)
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

/*
 * What refreshes that look at all sockets may take of one core, unless sweeps may take more: with it and the budget of sweeps
 * such an observer stays below a twentieth. 20,000 sockets take 38 ms, so that they are looked at every 1.5 s.
 */
#define DEAR_REFRESH_CPU_PPM 25000

/*
 * Refreshes of the BPF programs are no part of the CPU budget of sweeps: what they cost grows with what is stuck, not with the
 * machine, and that is what has to be true. 50,000 stuck connections in which nothing moves take 30 ms each second. Where a
 * refresh looks at all sockets it grows with the machine as a sweep does, and has a budget too.
 */
uint32_t schedule_cpu_max_ppm(const struct session *session, enum pass_kind kind)
{
	uint32_t ppm = session->intervals.sweep_cpu_max_ppm;

	return kind == PASS_SWEEP || ppm > DEAR_REFRESH_CPU_PPM ? ppm : DEAR_REFRESH_CPU_PPM;
}

/* Computed anew each time, since the daemon may change the intervals while they run. */
static struct schedule due_times(const struct schedule *last, const struct session *session)
{
	const struct intervals *intervals = &session->intervals;
	uint64_t lost = session->observer->events_lost(session);
	uint32_t sweep_ppm = schedule_cpu_max_ppm(session, PASS_SWEEP);
	uint32_t refresh_ppm = schedule_cpu_max_ppm(session, PASS_REFRESH);
	uint64_t sweep_ms = sweep_interval_ms(&last->swept, intervals->sweep_ms, sweep_ppm, lost);
	uint64_t refresh_ms = intervals->refresh_ms;
	uint64_t full_refresh_ms = intervals->full_refresh_ms;

	if (session->observer->refreshes_are_dear) {
		refresh_ms = sweep_interval_ms(&last->refreshed, refresh_ms, refresh_ppm, lost);
		full_refresh_ms = sweep_interval_ms(&last->refreshed, full_refresh_ms, refresh_ppm, lost);
	}
	return (struct schedule){
		.refresh_us = last->refresh_us + refresh_ms * 1000,
		.full_refresh_us = last->full_refresh_us + full_refresh_ms * 1000,
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

/* Which pass is due or wanted now, if any; 0 if none is. A sweep goes first: owners are waited for. To be called with the lock. */
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

enum pass_kind schedule_wait(struct session *session, const struct schedule *last, const struct audit *audit,
			     bool *wanted)
{
	enum pass_kind kind;

	pthread_mutex_lock(&session->lock);
	for (;;) {
		uint64_t now_us = clock_mono_us();
		struct schedule due = due_times(last, session);
		uint64_t until_us = now_us < due.any_us ? due.any_us : earliest(&due);
		struct timespec until;
		bool audits = session->audit_wanted || (audit && audit_is_under_way(audit));

		kind = next_pass(session, &due, now_us, wanted);
		if (!kind && audits && (!audit || audit_may_go_on(audit, session, now_us))) {
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

void schedule_note_end(struct schedule *last, const struct pass_record *end, uint64_t lost_before)
{
	uint64_t now_us = clock_mono_us();
	struct swept swept = {
		.cpu_us = end->cpu_us,
		.told_interval_ms = end->budget_interval_ms,
		.ring_dropped = lost_before,
	};

	switch ((enum pass_kind)end->pass_kind) {
	case PASS_SWEEP:
		last->sweep_us = now_us;
		last->swept = swept;
		break;
	case PASS_REFRESH_FULL:
		last->full_refresh_us = last->refresh_us = now_us;
		last->refreshed = swept;
		break;
	case PASS_REFRESH:
		last->refresh_us = now_us;
		last->refreshed = swept;
		break;
	case PASS_AUDIT: /* only ever on request */
		break;
	}
	last->any_us = now_us + PASS_GAP_US;
}
