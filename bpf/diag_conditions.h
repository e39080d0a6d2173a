/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which polled sockets are worth a record: as marks.bpf.h and conditions.bpf.h, from what sock_diag tells. Pure. */
#ifndef STUCKD_DIAG_CONDITIONS_H
#define STUCKD_DIAG_CONDITIONS_H

#include "diag_message.h"

/* TCP_* of the kernel (include/net/tcp_states.h), for which user space has no header of its own. */
enum diag_state {
	DIAG_ESTABLISHED = 1,
	DIAG_SYN_SENT = 2,
	DIAG_SYN_RECV = 3,
	DIAG_FIN_WAIT1 = 4,
	DIAG_FIN_WAIT2 = 5,
	DIAG_TIME_WAIT = 6,
	DIAG_CLOSE = 7,
	DIAG_CLOSE_WAIT = 8,
	DIAG_LAST_ACK = 9,
	DIAG_LISTEN = 10,
	DIAG_CLOSING = 11,
};

/* All that can be stuck, and requests for connections, which say how a listener does. Not TIME_WAIT, of which there are many. */
#define DIAG_STATES                                                                                  \
	(1u << DIAG_ESTABLISHED | 1u << DIAG_SYN_SENT | 1u << DIAG_SYN_RECV | 1u << DIAG_FIN_WAIT1 | \
	 1u << DIAG_FIN_WAIT2 | 1u << DIAG_CLOSE_WAIT | 1u << DIAG_LAST_ACK | 1u << DIAG_LISTEN | 1u << DIAG_CLOSING)

/* Nearly every socket: established, nothing waits for its reader or its peer, no probe is unanswered. */
bool diag_is_at_rest(const struct diag_socket *socket);

/* The kernel still waits for something: an acknowledgement of a SYN, a FIN, data or a probe. */
bool diag_is_waiting(const struct diag_socket *socket);

/* Has it retransmitted or probed often enough to be worth a record? */
bool diag_is_over_threshold(const struct diag_socket *socket, const struct configure_command *configuration);

/*
 * enum condition: which of those that the daemon asked for hold. `lasting`: ask whether a condition still holds, however young
 * it is. CONDITION_ZOMBIE and CONDITION_STALE_REUSE cannot be seen this way.
 */
__u32 diag_find_conditions(const struct diag_socket *socket, const struct configure_command *configuration,
			   bool lasting);

/* Whether nothing has moved between two looks, the clock aside. */
bool diag_is_unchanged(const struct diag_socket *before, const struct diag_socket *now);

#endif
