// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Both kinds of passes ask for all TCP sockets of all namespaces: that is how sock_diag answers. A refresh says what has
 * changed of the suspects, and which sockets have become some; a sweep says all of them, and looks for their owners.
 */
#include "diag_passes.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "clocks.h"
#include "diag.h"
#include "diag_clock.h"
#include "diag_conditions.h"
#include "diag_listeners.h"
#include "diag_netlink.h"
#include "diag_owners.h"
#include "diag_suspects.h"
#include "diag_totals.h"
#include "schedule.h"

static void look_at(struct diag_pass *pass, struct diag_socket *socket)
{
	struct diag_inode *inode = NULL;

	if (!pass->sweeps) {
		diag_suspects_look(pass, socket, NULL);
		return;
	}
	if (socket->record.inode) {
		if (diag_table_find(&pass->diag->inodes, &socket->record.inode)) {
			return; /* told twice: the list moved under the dump */
		}
		inode = diag_table_add(&pass->diag->inodes, &socket->record.inode);
	}
	pass->edge.sockets++;
	if (socket->record.state != DIAG_LISTEN) {
		pass->edge.connections++;
		diag_totals_note(pass, socket, inode);
	}
	if (inode) {
		inode->netns = pass->netns;
		inode->is_connection = socket->record.state != DIAG_LISTEN;
	}
	diag_suspects_look(pass, socket, inode);
}

static void visit(void *context, struct diag_socket *socket)
{
	struct diag_pass *pass = context;
	struct diag_listening *listening;

	socket->record.netns = pass->netns;
	if (socket->record.timer == DIAG_TIMER_TIME_WAIT) {
		return;
	}
	switch (socket->record.state) {
	case DIAG_SYN_RECV:
		diag_listeners_note(pass, socket);
		return;
	case DIAG_LISTEN:
		diag_listeners_note(pass, socket);
		listening = diag_table_add(&pass->diag->listening, &socket->record.cookie);
		if (listening) {
			listening->socket = *socket;
		}
		return;
	default:
		look_at(pass, socket);
	}
}

/* Returns 0, or -errno if some of its sockets were not seen. */
static int dump_family(struct diag_pass *pass, const struct diag_namespace *namespace, __u8 family)
{
	int error = diag_dump(namespace->fd, family, DIAG_STATES, visit, pass);

	/* What was seen already is not told again. */
	return error == -EAGAIN ? diag_dump(namespace->fd, family, DIAG_STATES, visit, pass) : error;
}

/* Listeners on an IPv6 address serve IPv4 too, and are known first that way. */
static void dump_namespace(struct diag_pass *pass, struct diag_namespace *namespace)
{
	int error;

	pass->netns = namespace->inode;
	diag_table_clear(&pass->diag->listening);
	error = dump_family(pass, namespace, AF_INET6);
	if (!error) {
		error = dump_family(pass, namespace, AF_INET);
	}
	for (uint32_t i = 0; i < pass->diag->listening.count; i++) {
		struct diag_listening *listening = diag_table_at(&pass->diag->listening, i);

		diag_listeners_fill(pass, &listening->socket.record);
		look_at(pass, &listening->socket);
	}
	if (!error) {
		namespace->dumped_pass = pass->edge.pass_id;
		pass->reach.namespaces++;
		return;
	}
	pass->edge.error = -error;
	if (error != -EAGAIN && error != -EBADMSG) {
		diag_namespace_close(namespace); /* an answer that nobody reads would be in the way of the next */
	}
}

static void dump_namespaces(struct diag_pass *pass)
{
	struct diag_namespaces *namespaces = &pass->diag->namespaces;

	if (pass->sweeps || !diag_namespaces_are_there(namespaces)) {
		pass->edge.error = -diag_namespaces_search(namespaces);
	}
	for (uint32_t i = 0; i < namespaces->table.count; i++) {
		struct diag_namespace *namespace = diag_table_at(&namespaces->table, i);

		if (namespace->fd >= 0) {
			dump_namespace(pass, namespace);
		} else {
			pass->reach.closed_namespaces++;
		}
	}
}

static void begin(struct diag_pass *pass, struct session *session, enum pass_kind kind)
{
	static uint32_t last_pass_id;

	*pass = (struct diag_pass){
		.diag = session->diag,
		.session = session,
		.edge = RECORD_INIT(struct pass_record, RECORD_PASS, PASS_BEGIN),
		.reach = RECORD_INIT(struct reach_record, RECORD_REACH, 0),
		.sweeps = kind == PASS_SWEEP,
		.reports_all = kind == PASS_REFRESH_FULL,
	};
	pthread_mutex_lock(&session->lock);
	pass->configuration = session->configuration;
	pthread_mutex_unlock(&session->lock);
	pass->edge.mono_us = clock_mono_us();
	pass->edge.pass_id = pass->reach.pass_id = ++last_pass_id;
	pass->edge.pass_kind = kind;
	diag_output_add(&pass->diag->output, &pass->edge);
	diag_table_clear(&pass->diag->inodes);
	if (pass->sweeps) {
		diag_totals_begin(pass);
	}
}

static int end(struct diag_pass *pass, uint64_t start_cpu_us)
{
	struct session *session = pass->session;
	struct pass_record *edge = &pass->edge;
	uint64_t start_us = edge->mono_us;

	if (pass->sweeps) {
		diag_output_add(&pass->diag->output, &pass->reach);
	}
	edge->header.cause = PASS_END;
	edge->mono_us = clock_mono_us();
	edge->duration_us = edge->mono_us - start_us;
	edge->cpu_us = clock_thread_cpu_us() - start_cpu_us;
	pthread_mutex_lock(&session->lock);
	edge->budget_interval_ms =
		sweep_budget_interval_ms(edge->cpu_us, schedule_cpu_max_ppm(session, edge->pass_kind));
	pthread_mutex_unlock(&session->lock);
	diag_output_add(&pass->diag->output, edge);
	return diag_output_flush(&pass->diag->output);
}

/* Returns 0, or -errno of the stream. With `quiet`, a pass that sees no suspect leaves no trace in the stream. */
static int run_pass(struct diag_pass *pass, struct session *session, enum pass_kind kind, bool quiet)
{
	uint64_t start_cpu_us = clock_thread_cpu_us();

	begin(pass, session, kind);
	dump_namespaces(pass);
	diag_suspects_ask_for_missing(pass);
	if (pass->sweeps) {
		diag_owners_walk(pass);
		if (!pass->edge.error) {
			diag_suspects_forget_closed(pass);
		}
		diag_totals_write(pass);
		diag_listeners_forget(pass->diag, pass->edge.mono_us);
	}
	if (quiet && !pass->edge.sockets && !pass->edge.reported && !pass->edge.error) {
		pass->diag->output.used = 0;
		pass->edge.cpu_us = clock_thread_cpu_us() - start_cpu_us;
		pthread_mutex_lock(&session->lock);
		pass->edge.budget_interval_ms =
			sweep_budget_interval_ms(pass->edge.cpu_us, schedule_cpu_max_ppm(session, kind));
		pthread_mutex_unlock(&session->lock);
		return pass->diag->output.error;
	}
	return end(pass, start_cpu_us);
}

/* What audits ask for, which settings a connection has, sock_diag does not know. */
static int refuse_audit(struct session *session)
{
	struct diag_pass pass;

	pthread_mutex_lock(&session->lock);
	session->audit_wanted = false;
	pthread_mutex_unlock(&session->lock);
	begin(&pass, session, PASS_AUDIT);
	pass.edge.error = EOPNOTSUPP;
	return end(&pass, clock_thread_cpu_us());
}

/* After a sweep: the clocks, and what found no room. */
static int write_health(struct session *session)
{
	struct diag *diag = session->diag;
	struct clock_record clock = RECORD_INIT(struct clock_record, RECORD_CLOCK, 0);
	struct counters_record counters = RECORD_INIT(struct counters_record, RECORD_COUNTERS, 0);

	diag_clock_fill(&clock);
	counters.mark_failed = diag->suspects_rejected;
	counters.holdings_dropped = diag->holdings_dropped;
	pthread_mutex_lock(&diag->wanted.lock);
	counters.watch_rejected = diag->wanted.watch_rejected;
	counters.count_rejected = diag->wanted.count_rejected;
	pthread_mutex_unlock(&diag->wanted.lock);
	diag_output_add(&diag->output, &clock);
	diag_output_add(&diag->output, &counters);
	return diag_output_flush(&diag->output);
}

void *diag_passes_run(void *argument)
{
	struct session *session = argument;
	struct schedule last;
	int error = 0;

	schedule_start(&last);
	while (!error) {
		struct diag_pass pass;
		bool wanted;
		enum pass_kind kind = schedule_wait(session, &last, NULL, &wanted);

		if (kind == PASS_AUDIT) {
			error = refuse_audit(session);
			continue;
		}
		error = run_pass(&pass, session, kind, kind == PASS_REFRESH && !wanted);
		if (!error && kind == PASS_SWEEP) {
			error = write_health(session);
		}
		schedule_note_end(&last, &pass.edge, 0);
	}
	stream_end(&session->stream);
	return NULL;
}
