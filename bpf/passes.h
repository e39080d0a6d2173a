/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Refreshes and sweeps, on a thread of their own, so that a long sweep delays no event. */
#ifndef STUCKD_PASSES_H
#define STUCKD_PASSES_H

#include "session.h"

/* Asks for a pass as soon as possible; requests that come while one runs are joined. */
void passes_request(struct session *session, const struct pass_command *command);

/* Thread body: runs passes until the stream breaks. `argument` is the session. */
void *passes_run(void *argument);

#endif
