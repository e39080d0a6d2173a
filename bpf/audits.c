// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "audits.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "clocks.h"
#include "tcp_sensor.skel.h"

/* A piece is one read: some 70 connections, of which each takes the daemon 10 to 40 us. */
#define PIECE_GAP_US 2000

/* After the last piece: who asks again and again must not keep this thread busy. */
#define AUDIT_GAP_US 20000

/* A daemon that is behind all the time gets a piece all the same after this: or it would be behind, and never know. */
#define PATIENCE_US 500000

bool audit_is_under_way(const struct audit *audit)
{
	return audit->fd >= 0;
}

bool audit_may_go_on(const struct audit *audit, const struct session *session, uint64_t now_us)
{
	return now_us >= audit->next_us + PATIENCE_US ||
	       (now_us >= audit->next_us && stream_has_room(&session->stream));
}

uint64_t audit_retry_us(const struct audit *audit, uint64_t now_us)
{
	return audit->next_us > now_us ? audit->next_us : now_us + PIECE_GAP_US;
}

/* The counters of the programs are those of the pass that runs. */
static void resume(const struct audit *audit)
{
	struct session *session = audit->pass.session;
	struct tcp_sensor__bss *bss = session->skeleton->bss;

	pthread_mutex_lock(&session->lock);
	bss->pass_id = audit->pass.edge.pass_id;
	bss->pass_counting = false;
	pthread_mutex_unlock(&session->lock);
	bss->pass_audit = true;
	bss->pass_report_max = audit->report_max;
	bss->pass_sockets = audit->sockets;
	bss->pass_connections = audit->connections;
	bss->pass_reported = audit->reported;
	bss->pass_processes = audit->processes;
	bss->pass_last_tgid = audit->last_tgid;
	bss->pass_reported_tgid = audit->reported_tgid;
	bss->pass_marked = bss->counting_tgid = 0;
}

static void suspend(struct audit *audit)
{
	const struct tcp_sensor__bss *bss = audit->pass.session->skeleton->bss;

	audit->sockets = bss->pass_sockets;
	audit->connections = bss->pass_connections;
	audit->reported = bss->pass_reported;
	audit->processes = bss->pass_processes;
	audit->last_tgid = bss->pass_last_tgid;
	audit->reported_tgid = bss->pass_reported_tgid;
}

/* Nothing of an audit is left out when it finds nothing: somebody waits for it. */
static int begin(struct audit *audit, struct session *session, uint32_t report_max)
{
	*audit = AUDIT_NONE;
	audit->report_max = report_max;
	pass_start(&audit->pass, session, PASS_AUDIT);
	audit->fd = pass_open(&audit->pass, bpf_link__fd(session->sweep_link));
	return pass_begin(&audit->pass);
}

static int end(struct audit *audit)
{
	if (audit->fd >= 0) {
		close(audit->fd);
	}
	audit->fd = -1;
	audit->next_us = clock_mono_us() + AUDIT_GAP_US;
	return pass_end(&audit->pass);
}

int audit_go_on(struct audit *audit, struct session *session, uint32_t report_max)
{
	ssize_t size;
	int error = audit_is_under_way(audit) ? 0 : begin(audit, session, report_max);

	if (error || audit->fd < 0) {
		return error ? error : end(audit);
	}
	resume(audit);
	size = pass_copy(&audit->pass, audit->fd);
	suspend(audit);
	audit->next_us = clock_mono_us() + PIECE_GAP_US;
	if (size == 0) {
		return end(audit);
	}
	return size < 0 && size != -EAGAIN ? (int)size : 0;
}
