/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Totals of what the daemon is interested in: which interests there are, and what a sweep has counted of them. */
#ifndef STUCKD_TOTALS_H
#define STUCKD_TOTALS_H

#include "session.h"

/* Takes COMMAND_COUNT or COMMAND_UNCOUNT. Returns 0, also if the table is full (that is counted); -EBADMSG on nonsense. */
int totals_command(struct session *session, const struct interest_command *command);

/* Whether there is anything to count. */
bool totals_wanted(const struct session *session);

/*
 * Writes what the sweep `pass_id` has counted, and empties the table of the kernel for the next. Sets `*read_error` if the
 * kernel did not give all of it. Returns 0, or -errno of the stream.
 */
int totals_write(struct session *session, uint32_t pass_id, uint32_t *read_error);

#endif
