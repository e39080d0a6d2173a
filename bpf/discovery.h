/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is learnt by refreshes before the first event: clocks, where the kernel keeps its fields, the keepalive timer. */
#ifndef STUCKD_DISCOVERY_H
#define STUCKD_DISCOVERY_H

#include "session.h"

/*
 * Runs the refresh, which must be attached, over a socket of our own. Afterwards the first pair of clocks and
 * `kernel_fields` are known, and the address of tcp_keepalive_timer() too unless session->own_socket_error is set: to be
 * called before the timer program is attached. Returns 0, or -errno if the iterator does not run.
 */
int discovery_run(struct session *session);

/* Takes two ticks to learn the phase of the tick to some microseconds. */
void discovery_learn_tick(struct session *session);

#endif
