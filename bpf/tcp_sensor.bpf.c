/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel side of stuckd-sensor.
 *
 * Design decisions
 *  - Only tp_btf programs and iterators: they load with CAP_BPF and CAP_PERFMON alone, fire for every network
 *    namespace, and need neither kprobes nor tracefs. Minimum kernel 5.12 (bpf_get_socket_cookie in tracing programs);
 *    what moved since is in core_compat.bpf.h.
 *  - Transitions, not packets. A socket is marked (sk_storage) when it crosses a threshold, with one record; later
 *    retransmissions of a marked socket cost a look and nothing else. Refresh passes tell what changed meanwhile.
 *  - tcp_retransmit_skb runs in softirq or in whatever process happens to be on the CPU: `current` says nothing there
 *    and is not read. It is read in note_closer() only, for transitions that only the closing process itself can cause,
 *    and for the end of a socket that was dead before.
 *  - The number of consecutive RTOs is in the socket (icsk_retransmits). Counting events would count tail loss probes
 *    and fast retransmits, and would miss retransmissions that failed before the device (no event until 6.16).
 *  - Keepalive probes have no tracepoint: timer_expire_entry is compared with the address of tcp_keepalive_timer. Every
 *    TCP socket has it in its timer: it is read from a socket of the sensor's own (discovery.c), or else from the first
 *    one that a sweep meets. (A ksym cannot give it: a typed one does not load before 6.4, an untyped one is silently 0
 *    without CAP_SYSLOG.) The socket is computed from the timer, so the verifier does not trust it: no sk_storage there,
 *    the next sweep marks it.
 *  - Ownership comes from iter/task_file (passes.bpf.h), never from `current`.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "core_compat.bpf.h"
#include "sensor_wire.h"
#include "maps.bpf.h"
#include "sock_fields.bpf.h"
#include "marks.bpf.h"
#include "conditions.bpf.h"
#include "reuse.bpf.h"
#include "interests.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCP_CA_LOSS 4

#include "passes.bpf.h"

/* One event record for a marked socket. */
static __always_inline struct socket_record *begin_event(const struct sock *sk, const struct mark *mark, __u16 cause)
{
	struct socket_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		COUNT(ring_dropped);
		return NULL;
	}
	fill_socket(r, sk, cause);
	apply_mark(r, mark);
	COUNT(events);
	return r;
}

static __always_inline void report_event(const struct sock *sk, const struct mark *mark, __u16 cause)
{
	struct socket_record *r = begin_event(sk, mark, cause);

	if (r) {
		bpf_ringbuf_submit(r, 0);
	}
}

/* Set before the program is loaded: a kernel without the third argument refuses a program that reads it. */
const volatile bool retransmit_has_error = false;

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *sk)
{
	/* A typed load: a probe read would cost a third of the whole look. */
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct socket_record *r;
	struct mark *mark;
	__u8 retransmits;
	__s32 error;

	if (!tp) {
		return 0;
	}
	retransmits = tp->inet_conn.icsk_retransmits;
	if (retransmits < rto_threshold && retransmits < syn_threshold) {
		return 0;
	}
	if (retransmits < (sk->__sk_common.skc_state == TCP_SYN_SENT ? syn_threshold : rto_threshold)) {
		return 0;
	}
	COUNT(retransmits_seen);
	error = retransmit_has_error ? (__s32)ctx[2] : 0;
	mark = find_mark(sk);
	if (mark) {
		mark->retransmit_error = error;
		if (mark->retransmits) {
			return 0; /* reported for this before */
		}
	} else {
		mark = create_mark(sk);
		if (!mark) {
			return 0;
		}
		mark->retransmit_error = error;
	}
	r = begin_event(sk, mark, CAUSE_RETRANSMIT);
	if (r) {
		remember(mark, r, mark->conditions);
		bpf_ringbuf_submit(r, 0);
	}
	return 0;
}

/*
 * These transitions happen in tcp_close_state() or tcp_disconnect(), in the context of whoever closes. A timeout or a
 * RST has set sk_err before; tcp_out_of_resources() has not, but kills orphans only.
 */
static __always_inline bool closed_by_current(const struct sock *sk, int old_state, int new_state)
{
	unsigned long flags = BPF_CORE_READ(sk, __sk_common.skc_flags);

	if (old_state == TCP_ESTABLISHED || old_state == TCP_SYN_RECV) {
		if (new_state == TCP_FIN_WAIT1) {
			return true;
		}
	}
	if (old_state == TCP_CLOSE_WAIT && new_state == TCP_LAST_ACK) {
		return true;
	}
	if (new_state != TCP_CLOSE || BPF_CORE_READ(sk, sk_err)) {
		return false;
	}
	if (old_state == TCP_FIN_WAIT2) {
		/* close() hands it over to a mini-socket. So does the FIN of the peer, which sets SOCK_DONE before; and what ends
		   an orphan later does not own it. */
		return BPF_CORE_READ(sk, sk_lock.owned) && !(flags & (1ul << SOCK_DONE_BIT));
	}
	if (flags & (1ul << SOCK_DEAD_BIT)) {
		return false;
	}
	return old_state == TCP_ESTABLISHED || old_state == TCP_SYN_SENT || old_state == TCP_CLOSE_WAIT ||
	       old_state == TCP_LISTEN;
}

/*
 * Data waits behind a closed window as the socket is closed. If nobody holds it any more, sweeps do not see it, and the
 * window probes of an orphan raise no event.
 */
static __always_inline bool closes_behind_window(const struct sock *sk, int new_state)
{
	const struct tcp_sock *tp;

	if (!(conditions & CONDITION_WINDOW_CLOSED) || (new_state != TCP_FIN_WAIT1 && new_state != TCP_LAST_ACK)) {
		return false;
	}
	tp = bpf_skc_to_tcp_sock((void *)sk);
	return tp && is_window_closed(tp);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, const struct sock *sk, int old_state, int new_state)
{
	struct mark *mark;
	struct socket_record *r;

	if (!is_tcp(sk)) {
		return 0;
	}
	if (peer_interest_count && old_state == TCP_SYN_SENT) {
		count_attempt(sk, new_state);
	}
	mark = find_mark(sk);
	if (old_state == TCP_ESTABLISHED && new_state == TCP_CLOSE_WAIT) {
		report_idle_close(sk);
	}
	if (old_state == TCP_CLOSE_WAIT) { /* closed on the FIN that came in place of an answer */
		mark = mark_stale_reuse(sk, mark);
	}
	if (!mark && closes_behind_window(sk, new_state)) {
		mark = create_mark(sk);
	}
	if (!mark) {
		return 0;
	}
	if (new_state == TCP_SYN_SENT) { /* the same socket connects anew: what happened to it before is history */
		mark->flags = 0;
		mark->closer_tgid = 0;
	}
	if (new_state == TCP_CLOSE && !(BPF_CORE_READ(sk, __sk_common.skc_flags) & (1ul << SOCK_DEAD_BIT))) {
		mark->state = TCP_CLOSE; /* a descriptor is left: see on_destroy() */
		mark->closer_tgid = 0;   /* whoever shut it down before did not end it */
	}
	if (closed_by_current(sk, old_state, new_state) && !(mark->flags & SOCKET_RESET_RECEIVED)) {
		note_closer(mark);
	}
	r = begin_event(sk, mark, CAUSE_STATE);
	if (!r) {
		return 0;
	}
	r->old_state = old_state;
	r->state = new_state;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_error_report, const struct sock *sk)
{
	struct mark *mark = find_mark(sk);

	if (mark) {
		report_event(sk, mark, CAUSE_ERROR);
	}
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_receive_reset, struct sock *sk)
{
	struct mark *mark = find_mark(sk);

	mark = mark_stale_reuse(sk, mark);
	if (mark) {
		mark->flags |= SOCKET_RESET_RECEIVED;
		report_event(sk, mark, CAUSE_RESET_RECEIVED);
	}
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_send_reset, const struct sock *sk)
{
	struct mark *mark;

	/* May be NULL, or a mini-socket of TIME_WAIT or a request: bpf_sk_storage_get() refuses those. */
	if (!sk) {
		return 0;
	}
	mark = bpf_sk_storage_get(&marks, (void *)sk, NULL, 0);
	if (mark) {
		mark->flags |= SOCKET_RESET_SENT;
		report_event(sk, mark, CAUSE_RESET_SENT);
	}
	return 0;
}

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(on_congestion_state, struct sock *sk, __u8 new_state)
{
	const struct inet_connection_sock *icsk = (const void *)sk;
	struct mark *mark;

	/* The trace comes before the store: leaving Loss is how an RTO episode ends. Every RTO enters it again. */
	if (new_state == TCP_CA_LOSS) {
		return 0;
	}
	mark = find_mark(sk);
	if (mark && BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state) == TCP_CA_LOSS) {
		report_event(sk, mark, CAUSE_CONGESTION);
	}
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	struct mark *mark = find_mark(sk);

	if (mark) {
		/* Closed by an error before: what destroys it now is the process that closes its last descriptor. */
		if (mark->state == TCP_CLOSE && !mark->closer_tgid) {
			note_closer(mark);
		}
		report_event(sk, mark, CAUSE_DESTROY);
	}
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(on_timer, struct timer_list *timer)
{
	const struct inet_connection_sock *icsk;
	const struct tcp_sock *tp;
	struct socket_record *r;
	__u8 probes = 0;

	if ((__u64)timer->function != keepalive_timer_address) {
		return 0;
	}
	icsk = (const void *)timer - keepalive_timer_offset();
	bpf_core_read(&probes, sizeof(probes), &icsk->icsk_probes_out);
	/* The tick that sends the probe that fills the threshold, and the next one, which proves it unanswered. The first
	   probe of all is sent to every idle peer, and proves nothing. */
	if (!probes || probes + 1 < probe_threshold || probes > probe_threshold) {
		return 0;
	}
	tp = (const void *)icsk;
	if (BPF_CORE_READ(tp, packets_out) || BPF_CORE_READ(tp, write_seq) != BPF_CORE_READ(tp, snd_nxt)) {
		return 0; /* with data in flight or queued the timer only re-arms itself; what is out are window probes */
	}
	if (BPF_CORE_READ((const struct sock *)icsk, __sk_common.skc_flags) & (1ul << SOCK_DEAD_BIT)) {
		return 0; /* FIN_WAIT2 of an orphan uses this timer too */
	}
	COUNT(keepalive_seen);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		COUNT(ring_dropped);
		return 0;
	}
	fill_socket(r, (const struct sock *)icsk, CAUSE_KEEPALIVE);
	r->flags |= SOCKET_UNTRUSTED;
	COUNT(events);
	bpf_ringbuf_submit(r, 0);
	return 0;
}
