/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Marks: which sockets are under observation, what was last said about them, and which deserve to be. Reads one or two
 * fields before anything else, since a sweep asks this of every socket of the machine.
 */
#ifndef STUCKD_MARKS_BPF_H
#define STUCKD_MARKS_BPF_H

/* MPTCP and SCTP raise some of the same events, with other structures behind their sockets. */
static __always_inline bool is_tcp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == SOCK_STREAM;
}

/* sk_storage and socket cookies: not declared const by the helpers, though tracepoints hand out const sockets. */
static __always_inline struct mark *find_mark(const struct sock *sk)
{
	if (!sk->sk_bpf_storage) {
		return NULL; /* cheap and common: nobody has storage on this socket */
	}
	return bpf_sk_storage_get(&marks, (void *)sk, NULL, 0);
}

static __always_inline struct mark *create_mark(const struct sock *sk)
{
	struct mark *mark = bpf_sk_storage_get(&marks, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!mark) {
		COUNT(mark_failed);
		return NULL;
	}
	bpf_get_socket_cookie((void *)sk); /* gives it one if it has none; fill_socket() reads it */
	return mark;
}

static __always_inline void apply_mark(struct socket_record *r, const struct mark *mark)
{
	r->flags |= mark->flags;
	r->closer_tgid = mark->closer_tgid;
	r->retransmit_error = r->retransmits ? mark->retransmit_error : 0; /* else it was another episode's */
}

static __always_inline void remember(struct mark *mark, const struct socket_record *r, __u32 found)
{
	mark->snd_una = r->snd_una;
	mark->write_seq = r->write_seq;
	mark->rcv_tstamp = r->rcv_tstamp_jiffies32;
	mark->timer_expires = r->write_timer_expires_jiffies32;
	mark->copied_seq = r->copied_seq;
	mark->rcv_nxt = r->rcv_nxt;
	mark->state = r->state;
	mark->retransmits = r->retransmits;
	mark->probes_out = r->probes_out;
	mark->dead = !!(r->flags & SOCKET_DEAD);
	mark->conditions = found | (mark->conditions & CONDITION_STALE_REUSE);
	if (!r->retransmits) {
		mark->retransmit_error = 0;
	}
}

/* Nothing else would keep such a socket under observation: the kernel has ended it. */
static __always_inline bool is_wanted_by_sweep(const struct mark *mark)
{
	return (mark->conditions & CONDITION_STALE_REUSE) && !mark->swept_pass;
}

/* The kernel still waits for something in this state: an acknowledgement of a SYN, a FIN, data or a probe. */
static __always_inline bool is_waiting(__u8 state, __u8 retransmits, __u8 probes)
{
	switch (state) {
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_SYN_SENT:
		return true;
	case TCP_CLOSE: /* the counters survive the end */
	case TCP_LISTEN:
		return false;
	default:
		return retransmits || probes;
	}
}

/* Has it retransmitted or probed often enough to be worth a record, though it raised no event, or before we came? */
static __always_inline bool is_over_threshold(const struct tcp_sock *tp, __u8 state)
{
	__u8 retransmits = tp->inet_conn.icsk_retransmits;
	__u8 probes = tp->inet_conn.icsk_probes_out;

	if (!is_waiting(state, retransmits, probes)) {
		return false;
	}
	switch (state) {
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	case TCP_SYN_SENT:
		return retransmits >= syn_threshold;
	default:
		return retransmits >= rto_threshold || (probes >= probe_threshold && !tp->packets_out);
	}
}

static __always_inline bool is_unchanged(const struct mark *mark, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	const struct inet_connection_sock *icsk = (const void *)sk;
	bool dead = BPF_CORE_READ(sk, __sk_common.skc_flags) & (1ul << SOCK_DEAD_BIT);

	if (mark->state == TCP_LISTEN) {
		return false; /* its queues are not remembered */
	}
	if (mark->state == TCP_CLOSE) { /* nothing moves any more; what can change is that the error is fetched */
		return (mark->conditions & CONDITION_ZOMBIE) && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE &&
		       BPF_CORE_READ(sk, sk_err);
	}
	return mark->state == BPF_CORE_READ(sk, __sk_common.skc_state) &&
	       mark->retransmits == BPF_CORE_READ(icsk, icsk_retransmits) &&
	       mark->probes_out == BPF_CORE_READ(icsk, icsk_probes_out) && mark->dead == dead &&
	       mark->snd_una == BPF_CORE_READ(tp, snd_una) && mark->write_seq == BPF_CORE_READ(tp, write_seq) &&
	       mark->rcv_tstamp == BPF_CORE_READ(tp, rcv_tstamp) && mark->copied_seq == BPF_CORE_READ(tp, copied_seq) &&
	       mark->rcv_nxt == BPF_CORE_READ(tp, rcv_nxt) &&
	       mark->timer_expires == write_timer_expires(sk); /* all that moves while the window is shrunk to 0 */
}

#endif
