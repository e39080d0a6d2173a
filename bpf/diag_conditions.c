// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_conditions.h"

#define CA_LOSS 4 /* TCP_CA_Loss */

/* tcpi_snd_wnd ends there (Linux 5.4); before, a window of 0 cannot be told from one that is not known. */
#define INFO_SIZE_SND_WND 232

/* What lasts for a moment is no news; the rules of the daemon ask for much more. */
#define AGE_MS 1000

bool diag_is_at_rest(const struct diag_socket *socket)
{
	const struct polled_record *r = &socket->record;

	return r->state == DIAG_ESTABLISHED && !r->receive_queue && !r->send_queue && !r->probes && !r->retransmits;
}

/* No descriptor refers to it; or it is still to be accepted, but then it is not closing either. */
static bool is_orphan(const struct polled_record *r)
{
	return !r->inode;
}

bool diag_is_waiting(const struct diag_socket *socket)
{
	const struct polled_record *r = &socket->record;

	switch (r->state) {
	case DIAG_FIN_WAIT1:
	case DIAG_CLOSING:
	case DIAG_LAST_ACK:
	case DIAG_SYN_SENT:
		return true;
	case DIAG_CLOSE:
	case DIAG_LISTEN:
	case DIAG_SYN_RECV:
	case DIAG_TIME_WAIT:
		return false;
	default:
		return r->retransmits || r->probes;
	}
}

/*
 * A sweep of the BPF programs meets descriptors, so that it meets none of the many connections that are about to end after
 * close(). A dump does: these have to have waited in vain once.
 */
static bool is_closing_in_vain(const struct polled_record *r)
{
	return !is_orphan(r) || r->retransmits || r->probes || r->backoff;
}

bool diag_is_over_threshold(const struct diag_socket *socket, const struct configure_command *configuration)
{
	const struct polled_record *r = &socket->record;

	if (!diag_is_waiting(socket)) {
		return false;
	}
	switch (r->state) {
	case DIAG_FIN_WAIT1:
	case DIAG_CLOSING:
	case DIAG_LAST_ACK:
		return is_closing_in_vain(r);
	case DIAG_SYN_SENT:
		return r->retransmits >= configuration->syn_threshold;
	default:
		return r->retransmits >= configuration->rto_threshold ||
		       (r->probes >= configuration->probe_threshold && !r->unacked);
	}
}

/*
 * The peer takes no more data: window probes, or RTOs that are not counted, after the window shrank to zero with data in
 * flight (tcp_retransmit_timer()). The probe timer alone proves nothing: it serves corked data too.
 */
static bool is_window_closed(const struct diag_socket *socket)
{
	const struct polled_record *r = &socket->record;
	bool is_zero = r->info_size >= INFO_SIZE_SND_WND && !r->snd_wnd;

	if (r->unacked) {
		return is_zero && (r->ca_state == CA_LOSS || r->backoff || socket->retrans_out);
	}
	return r->timer == DIAG_TIMER_PROBE && r->notsent_bytes && (is_zero || r->probes || r->backoff);
}

/* Nothing was sent since it closed, so that this is how long it has been closed at most. */
static bool is_window_stuck(const struct diag_socket *socket, const struct configure_command *configuration,
			    bool lasting)
{
	const struct polled_record *r = &socket->record;

	return is_window_closed(socket) &&
	       (lasting || r->unacked || r->probes >= configuration->window_probe_threshold ||
		r->last_data_sent_ms >= AGE_MS);
}

static bool is_unread(const struct polled_record *r, const struct configure_command *configuration, bool lasting)
{
	return r->receive_queue && (lasting || r->last_data_recv_ms >= configuration->unread_age_ms);
}

/* A connection that is half closed, and on which nothing moves: many are for the moment that a reply or a close() takes. */
static bool is_quiet(const struct polled_record *r, bool lasting)
{
	return lasting || r->last_ack_recv_ms >= AGE_MS;
}

static __u32 listener_conditions(const struct polled_record *r, const struct configure_command *configuration)
{
	__u32 found = 0;

	/* idiag_rqueue, idiag_wqueue: connections that wait for accept(), and how many may. */
	if (r->receive_queue && r->receive_queue >= r->send_queue) {
		found |= CONDITION_ACCEPT_QUEUE;
	}
	if (r->syn_queue - r->syn_queue_young >= configuration->handshake_threshold) {
		found |= CONDITION_HANDSHAKES;
	}
	return found;
}

__u32 diag_find_conditions(const struct diag_socket *socket, const struct configure_command *configuration,
			   bool lasting)
{
	const struct polled_record *r = &socket->record;
	__u32 found = 0;

	switch (r->state) {
	case DIAG_ESTABLISHED:
		if (is_unread(r, configuration, lasting)) {
			found |= CONDITION_UNREAD;
		}
		break;
	case DIAG_CLOSE_WAIT:
		found = is_quiet(r, lasting) ? CONDITION_CLOSE_WAIT : 0;
		break;
	case DIAG_FIN_WAIT2:
		found = !is_orphan(r) && is_quiet(r, lasting) ? CONDITION_FIN_WAIT2 : 0;
		break;
	case DIAG_LISTEN:
		found = listener_conditions(r, configuration);
		break;
	}
	if ((r->state == DIAG_ESTABLISHED || r->state == DIAG_CLOSE_WAIT) &&
	    is_window_stuck(socket, configuration, lasting)) {
		found |= CONDITION_WINDOW_CLOSED;
	}
	return found & configuration->conditions;
}

/* Counters of segments tell of an ACK and of a retransmission, whatever else they leave as it was. */
bool diag_is_unchanged(const struct diag_socket *before, const struct diag_socket *now)
{
	const struct polled_record *a = &before->record, *b = &now->record;

	return a->state == b->state && !a->inode == !b->inode && a->timer == b->timer && a->retrans == b->retrans &&
	       a->retransmits == b->retransmits && a->probes == b->probes && a->backoff == b->backoff &&
	       a->ca_state == b->ca_state && a->shutdown == b->shutdown && a->receive_queue == b->receive_queue &&
	       a->send_queue == b->send_queue && a->notsent_bytes == b->notsent_bytes && a->unacked == b->unacked &&
	       a->snd_wnd == b->snd_wnd && a->bytes_acked == b->bytes_acked && a->bytes_received == b->bytes_received &&
	       a->total_retrans == b->total_retrans && a->segs_out == b->segs_out && before->segs_in == now->segs_in;
}
