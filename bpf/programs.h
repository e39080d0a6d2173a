/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Loads and attaches the BPF programs, and says of each whether it works and what is lost without it. */
#ifndef STUCKD_PROGRAMS_H
#define STUCKD_PROGRAMS_H

#include "session.h"

/*
 * Opens and loads the BPF object. Programs whose tracepoint this kernel does not have are left out.
 * Returns 0, or -errno after it wrote a failure record to the session's stream.
 */
int programs_load(struct session *session);

/* Attaches all programs; writes a program record for each, then the ready record. Returns as programs_load(). */
int programs_attach(struct session *session);

/*
 * Leaves programs out: `names` is a comma-separated list of tracepoints. For finding out whether a probe is to blame, and
 * for tests of what happens without it. Must outlive the session.
 */
void programs_switch_off(const char *names);

#endif
