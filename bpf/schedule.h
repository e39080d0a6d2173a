/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* When which pass is due or wanted, for the thread that runs them, whoever observes. */
#ifndef STUCKD_SCHEDULE_H
#define STUCKD_SCHEDULE_H

#include "session.h"
#include "sweep_budget.h"

struct audit;

/* When each pass ended last; CLOCK_MONOTONIC us. */
struct schedule {
	uint64_t refresh_us;
	uint64_t full_refresh_us;
	uint64_t sweep_us;
	uint64_t any_us; /* none of them before that */
	struct swept swept;
	struct swept refreshed; /* the last refresh, full or not; used where refreshes are dear */
};

/* As it is before the first pass: a sweep is due at once, for the first complete picture. */
void schedule_start(struct schedule *last);

/* Asks for a pass as soon as possible; requests that come while one runs are joined. */
void schedule_request(struct session *session, const struct pass_command *command);

/*
 * Waits until there is something to run, and returns what. Of an audit it is the next piece, which goes last: what is stuck
 * now counts for more than what might be. `audit` is the one that may be under way, NULL if this observer has none: then a
 * wanted one is to be refused. `wanted` says whether the daemon asked for the pass, so that it waits for an answer even if
 * there is nothing to tell.
 */
enum pass_kind schedule_wait(struct session *session, const struct schedule *last, const struct audit *audit,
			     bool *wanted);

/* The pass has ended now; `end` is its end record, `lost_before` the events that were lost until it began. */
void schedule_note_end(struct schedule *last, const struct pass_record *end, uint64_t lost_before);

/* How much of one core passes of this kind may take, in millionths; refreshes only where they are dear. */
uint32_t schedule_cpu_max_ppm(const struct session *session, enum pass_kind kind);

#endif
