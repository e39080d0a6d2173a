/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Audits, in pieces. What might be stuck one day must not keep what is stuck now waiting: between two pieces other passes
 * run, and a daemon that has not read the last piece gets no further one soon, so that events do not stand in line behind it.
 */
#ifndef STUCKD_AUDITS_H
#define STUCKD_AUDITS_H

#include "pass.h"

/* The one audit that is under way, if any. */
struct audit {
	struct pass pass;
	int fd; /* of its walk; -1 while none is under way */
	uint32_t report_max;
	uint64_t next_us; /* no piece before that; CLOCK_MONOTONIC */
	/* What the programs have counted for it so far, while another pass may use their counters. */
	uint32_t sockets, connections, reported, processes, last_tgid, reported_tgid;
};

/* As it is before the first. */
#define AUDIT_NONE ((struct audit){.fd = -1})

bool audit_is_under_way(const struct audit *audit);

/* Whether the next piece, also the first of a new one, may run now. */
bool audit_may_go_on(const struct audit *audit, const struct session *session, uint64_t now_us);

/* When to ask that again. */
uint64_t audit_retry_us(const struct audit *audit, uint64_t now_us);

/* Runs the next piece; begins a new audit if none is under way. Returns 0, or -errno of the stream. */
int audit_go_on(struct audit *audit, struct session *session, uint32_t report_max);

#endif
