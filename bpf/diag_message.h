/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One message of sock_diag, taken apart: what the kernel says is checked here and nowhere else. Pure. */
#ifndef STUCKD_DIAG_MESSAGE_H
#define STUCKD_DIAG_MESSAGE_H

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>

#include "sensor_wire.h"

/* One socket as a message tells of it. */
struct diag_socket {
	struct polled_record record; /* without netns, pass_id, flags, sysctls, the SYN queue, and its time */
	struct inet_diag_sockid id;  /* to ask for it again */
	__u8 family;
	__u32 segs_in; /* tcp_info: whatever came in; 0: not told */
	__u32 retrans_out;
};

/* idiag_timer (tcp_diag_get_info(), inet_csk_diag_msg_fill()). */
enum diag_timer {
	DIAG_TIMER_NONE = 0,
	DIAG_TIMER_RETRANSMIT = 1,
	DIAG_TIMER_KEEPALIVE = 2,
	DIAG_TIMER_TIME_WAIT = 3, /* not a socket any more, whatever its state is called */
	DIAG_TIMER_PROBE = 4,
};

/*
 * Fills `socket` from the payload of a message of type SOCK_DIAG_BY_FAMILY. Attributes that are not known are skipped; what is
 * missing stays 0. Returns false if it is no such message: too short, of another family, or with an attribute that does not
 * fit into it.
 */
bool diag_parse(const void *payload, size_t size, struct diag_socket *socket);

#endif
