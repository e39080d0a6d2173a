/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One daemon, one stream, one set of attached programs: everything that a connection to the sensor owns. */
#ifndef STUCKD_SESSION_H
#define STUCKD_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "refusal.h"
#include "sensor_wire.h"
#include "stream.h"

struct diag; /* of observer_polling */
struct observer;
struct tcp_sensor; /* the skeleton */
struct bpf_link;

struct intervals {
	uint32_t refresh_ms;
	uint32_t sweep_ms;
	uint32_t full_refresh_ms;
	uint32_t sweep_cpu_max_ppm;
};

struct session {
	struct stream stream;
	const struct observer *observer;        /* set before the threads start (mode.h) */
	struct refusal refusal;                 /* why that is not observer_ebpf */
	struct configure_command configuration; /* the last one */
	struct tcp_sensor *skeleton;            /* NULL unless the observer is observer_ebpf; so are the links */
	struct diag *diag;                      /* NULL unless the observer is observer_polling */
	struct bpf_link *refresh_link;
	struct bpf_link *sweep_link;
	uint64_t watch_rejected;
	uint64_t count_rejected;
	uint64_t event_bytes_gone; /* of all events, what was written to the stream: see events_await() */
	bool has_retransmit_err; /* tcp_retransmit_skb says whether it was sent, and fires if it was not: Linux 6.17 */
	int own_socket_error; /* -errno: why the keepalive timer could not be read from a socket of our own; 0: it was */

	/* What the pass thread is asked for; guarded by `lock`, signalled by `wake`. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct intervals intervals;
	bool sweep_wanted;
	bool refresh_wanted;
	bool full_refresh_wanted;
	bool audit_wanted;
	uint32_t audit_report_max; /* of the audit that is wanted */
};

/*
 * Serves one daemon over `fd` until the stream ends. Returns an exit status: 0 if the daemon ended the stream, 1 after a
 * failure, which was told to the daemon with a failure record where that was possible.
 */
int session_serve(int fd);

#endif
