/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which observer a session has. */
#ifndef STUCKD_MODE_H
#define STUCKD_MODE_H

#include "session.h"

extern bool mode_is_polling;

/*
 * Before the first configuration: loads the BPF programs if they are to be used, and sets `session->observer`. Returns 0, or
 * -errno after a failure record.
 */
int mode_choose(struct session *session);

/*
 * After the first configuration, which is `session->configuration`: opens the observer, or another one in its place, which then
 * gets that configuration; writes the mode record, and lets the observer announce itself. Returns 0, or -errno after a failure
 * record or of a broken stream.
 */
int mode_open(struct session *session);

#endif
