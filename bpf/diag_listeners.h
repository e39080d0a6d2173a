/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ports on which somebody listens: they tell the direction of a connection, and gather the handshakes of a dump. */
#ifndef STUCKD_DIAG_LISTENERS_H
#define STUCKD_DIAG_LISTENERS_H

#include "diag.h"

#define DIAG_LISTENERS_MAX 16384

struct diag_listener_key {
	__u32 netns;
	__u32 port;
};

/* All listeners of one port. */
struct diag_listener {
	struct diag_listener_key key;
	__u64 seen_us;   /* CLOCK_MONOTONIC */
	__u32 pass_id;   /* that the counts belong to */
	__u32 syn_queue; /* requests that are not complete */
	__u32 syn_queue_young;
};

/* A dump told of a listener, or of a request for a connection to one. */
void diag_listeners_note(struct diag_pass *pass, const struct diag_socket *socket);

/* Whether the local port of this connection is, or was some minutes ago, one of a listener of its namespace. */
bool diag_listeners_had(const struct diag *diag, __u32 netns, __u32 port, __u64 now_us);

/* Sets the SYN queue of a listener, to be called when the requests of its namespace were seen. */
void diag_listeners_fill(const struct diag_pass *pass, struct polled_record *record);

/* Forgets those that are long gone. */
void diag_listeners_forget(struct diag *diag, __u64 now_us);

#endif
