/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Conditions that raise no event and that no counter of retransmissions or probes shows: found by sweeps, and followed by
 * refreshes once a socket is marked. Loads are typed, since a sweep asks this of every socket of the machine.
 */
#ifndef STUCKD_CONDITIONS_BPF_H
#define STUCKD_CONDITIONS_BPF_H

#define PENDING_PROBE0 3 /* ICSK_TIME_PROBE0 */
#define SHUTDOWN_MASK 3

/* A window that closes for a moment is no news; the rule of the daemon asks for much more. 0.25 s to 2.5 s, by HZ. */
#define WINDOW_AGE_JIFFIES 250

/*
 * The peer takes no more data: window probes, or RTOs that are not counted, after the window shrank to zero with data in
 * flight (tcp_retransmit_timer()). The probe timer alone proves nothing: it serves corked data too.
 */
static __always_inline bool is_window_closed(const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;

	if (tp->packets_out) {
		return !tp->snd_wnd && tp->retrans_stamp;
	}
	return icsk->icsk_pending == PENDING_PROBE0 && tp->write_seq != tp->snd_nxt &&
	       (!tp->snd_wnd || icsk->icsk_probes_out || icsk->icsk_backoff);
}

/* `lasting`: ask whether the condition still holds, however young it is. */
static __always_inline bool is_window_stuck(const struct tcp_sock *tp, bool lasting)
{
	__u32 since;

	if (!is_window_closed(tp)) {
		return false;
	}
	if (lasting || tp->packets_out || tp->inet_conn.icsk_probes_out >= window_probe_threshold ||
	    !HAS_PROBES_TSTAMP) {
		return true;
	}
	since = BPF_CORE_READ((const struct inet_connection_sock___probes_tstamp *)&tp->inet_conn, icsk_probes_tstamp);
	return since && (__u32)bpf_jiffies64() - since >= WINDOW_AGE_JIFFIES;
}

static __always_inline bool is_unread(const struct tcp_sock *tp, bool lasting)
{
	if (tp->rcv_nxt == tp->copied_seq) {
		return false;
	}
	return lasting || (__u32)bpf_jiffies64() - tp->inet_conn.icsk_ack.lrcvtime >= unread_age_jiffies;
}

static __always_inline __u32 listener_conditions(const struct sock *sk, const struct tcp_sock *tp)
{
	__u32 found = 0;
	int unanswered = tp->inet_conn.icsk_accept_queue.qlen.counter - tp->inet_conn.icsk_accept_queue.young.counter;

	if (sk->sk_ack_backlog && sk->sk_ack_backlog >= sk->sk_max_ack_backlog) {
		found |= CONDITION_ACCEPT_QUEUE;
	}
	if (unanswered > 0 && (__u32)unanswered >= handshake_threshold) {
		found |= CONDITION_HANDSHAKES;
	}
	return found;
}

/* enum condition: which of those that the daemon asked for hold for this socket. */
static __always_inline __u32 find_conditions(const struct sock *sk, const struct tcp_sock *tp, __u8 state, bool lasting)
{
	__u32 found = 0;

	switch (state) {
	case TCP_ESTABLISHED:
		if (is_unread(tp, lasting)) {
			found |= CONDITION_UNREAD;
		}
		if (is_window_stuck(tp, lasting)) {
			found |= CONDITION_WINDOW_CLOSED;
		}
		break;
	case TCP_CLOSE_WAIT:
		found = CONDITION_CLOSE_WAIT;
		if (is_window_stuck(tp, lasting)) {
			found |= CONDITION_WINDOW_CLOSED;
		}
		break;
	case TCP_FIN_WAIT2:
		if (!(sk->__sk_common.skc_flags & (1ul << SOCK_DEAD_BIT))) {
			found = CONDITION_FIN_WAIT2;
		}
		break;
	case TCP_CLOSE: /* an unused socket has no peer; a closed one that was asked for its error has none left */
		if (sk->sk_err && sk->__sk_common.skc_dport && sk->sk_shutdown == SHUTDOWN_MASK) {
			found = CONDITION_ZOMBIE;
		}
		break;
	case TCP_LISTEN:
		found = listener_conditions(sk, tp);
		break;
	}
	return found & conditions;
}

#endif
