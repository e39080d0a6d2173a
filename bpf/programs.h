/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The BPF programs: which there are, which of them this kernel takes, and attaching them. */
#ifndef STUCKD_PROGRAMS_H
#define STUCKD_PROGRAMS_H

#include "session.h"

/* One program, and what became of it. */
struct program {
	const char *name;       /* in the BPF object */
	const char *tracepoint; /* NULL for iterators */
	bool required;          /* the sensor does not run without it */
	const char *loss;       /* what stuckd cannot do without it */

	int error;     /* 0, or -errno: it is left out */
	char how[208]; /* why it is left out */
	struct bpf_link *link;
};

enum { PROGRAM_COUNT = 10 };
extern struct program programs[PROGRAM_COUNT];

/* How the daemon knows it: by its tracepoint, or else by its own name. */
const char *program_title(const struct program *program);

/* Leaves a program out, with the reason. */
void program_leave_out(struct program *program, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Attaches all programs. An optional program that cannot be attached is left out. Returns 0, or -errno with the reason in
 * `session->refusal`.
 */
int programs_attach(struct session *session);

/* Detaches what is attached, and unloads all of it: after this the kernel has no program or map of ours. */
void programs_let_go(struct session *session);

/* Writes a program record for each, feature records, then the clock and the ready record. Returns 0, or -errno of the stream. */
int programs_announce(struct session *session);

/*
 * Leaves programs out, required ones too: `names` is a comma-separated list of tracepoints. For finding out whether a
 * probe is to blame, and for tests of what happens without it. Must outlive the session.
 */
void programs_switch_off(const char *names);

#endif
