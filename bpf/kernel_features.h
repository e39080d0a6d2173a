/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What this kernel offers besides the programs: where its fields are, what it lacks, what that costs. */
#ifndef STUCKD_KERNEL_FEATURES_H
#define STUCKD_KERNEL_FEATURES_H

#include "session.h"

/* Writes a feature record for each; to be called after discovery_run(). Returns 0, or -errno if the stream is broken. */
int features_write(struct session *session);

/*
 * What the timer program waits for, if the address of tcp_keepalive_timer() is not known yet: a text of at most `size`
 * bytes. Returns false if the address is known.
 */
bool features_keepalive_pending(const struct session *session, char *text, size_t size);

#endif
