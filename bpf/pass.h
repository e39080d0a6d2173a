/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One pass over the sockets, from its begin record to its end record. */
#ifndef STUCKD_PASS_H
#define STUCKD_PASS_H

#include <sys/types.h>

#include "session.h"

struct pass {
	struct session *session;
	struct pass_record edge; /* its error is what the iterator says; that of the stream is returned */
	uint64_t events_before;  /* that the programs had written when it began */
	bool begun;              /* its begin record was written */
	uint64_t start_cpu_us;   /* of this thread */
	uint64_t start_dropped;  /* events that were lost until it began */
};

/* Gives it the next number, and clears what the programs count. Nothing is written yet. */
void pass_start(struct pass *pass, struct session *session, enum pass_kind kind);

/* Begins a walk. Returns a descriptor to read it from and to close, or -1: then the error is in the pass. */
int pass_open(struct pass *pass, int link_fd);

/*
 * Copies what one read of a walk gives, with the begin record in front of the first. Returns the size, 0 at the end of the
 * walk (or at an error, which is in the pass), -EAGAIN if there is nothing yet, or another -errno of the stream.
 */
ssize_t pass_copy(struct pass *pass, int fd);

/*
 * Writes the begin record if nothing has: until there is output it waits, so that a pass that finds nothing need not wake
 * the daemon. Returns 0, or -errno of the stream.
 */
int pass_begin(struct pass *pass);

/*
 * Writes the end record, with what the programs have counted, behind all events from before the pass: what a pass did not
 * find has ended, or is unchanged, unless an event that is still on its way says otherwise. Returns 0, or -errno of the
 * stream.
 */
int pass_end(struct pass *pass);

#endif
