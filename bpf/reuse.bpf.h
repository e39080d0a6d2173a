/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Pooled connections that are used again after they were dropped: how the sensor notices, what it learns from the FINs of
 * idle connections, and how it finds out who closed a socket that it cannot ask any more.
 */
#ifndef STUCKD_REUSE_BPF_H
#define STUCKD_REUSE_BPF_H

#define PF_EXITING 0x4 /* include/linux/sched.h */
#define PF_KTHREAD 0x200000

/* The process holds the socket no more as the next sweep runs, but it will be there. */
static __always_inline void want_process(__u32 tgid)
{
	__u32 now = sweep_count;
	__u32 *since = bpf_map_lookup_elem(&wanted, &tgid);

	if (since) {
		*since = now;
	} else if (!bpf_map_update_elem(&wanted, &tgid, &now, BPF_NOEXIST)) {
		COUNT(wanted_count);
	}
}

/* Whoever puts the last reference closes: a kernel thread, or our own sweep as it steps over the file. */
static __always_inline void note_closer(struct mark *mark)
{
	struct task_struct *closer = bpf_get_current_task_btf();

	if (!(closer->flags & PF_KTHREAD) && (__u32)closer->tgid != sensor_tgid) {
		mark->closer_tgid = closer->tgid;
		if (mark->conditions & CONDITION_STALE_REUSE) {
			want_process(closer->tgid);
		}
		if (closer->flags & PF_EXITING) {
			mark->flags |= SOCKET_CLOSER_EXITING;
		}
	}
}

/* Jiffies since data was last sent or received; 0 if none ever was. */
static __always_inline __u32 idle_jiffies(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u32 now = bpf_jiffies64();
	__u32 received = now - BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime);
	__u32 sent = now - BPF_CORE_READ(tp, lsndtime);

	if (!BPF_CORE_READ(tp, bytes_sent)) {
		return 0;
	}
	return received < sent ? received : sent;
}

/* The peer closes a connection that was idle: how long it was idle tells the peer's limit. */
static __always_inline void report_idle_close(const struct sock *sk)
{
	struct socket_record *r;

	if (!(conditions & CONDITION_STALE_REUSE) || idle_jiffies(sk) < idle_gap_jiffies) {
		return;
	}
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		COUNT(ring_dropped);
		return;
	}
	fill_socket(r, sk, CAUSE_IDLE_CLOSE);
	r->old_state = TCP_ESTABLISHED;
	r->state = TCP_CLOSE_WAIT;
	if (r->flags & SOCKET_INBOUND) {
		bpf_ringbuf_discard(r, 0); /* clients come and go; only limits of servers are of use */
		return;
	}
	COUNT(events);
	bpf_ringbuf_submit(r, 0);
}

/*
 * Data was sent after the connection had been idle, nothing was received for it, and now the peer has closed or reset the
 * connection: a pooled connection was used again after the peer, or somebody on the path, had dropped it.
 */
static __always_inline bool is_stale_reuse(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u32 sent = BPF_CORE_READ(tp, lsndtime);
	__u32 idle = sent - BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime);

	return (conditions & CONDITION_STALE_REUSE) && (__s32)idle > 0 && idle >= idle_gap_jiffies &&
	       (__u32)bpf_jiffies64() - sent < idle_gap_jiffies && BPF_CORE_READ(tp, bytes_received) &&
	       !BPF_CORE_READ(tp, inet_conn.icsk_retransmits);
}

/* Marks it, so that the next sweep tells who holds it, and whoever closes it before is noted. */
static __always_inline struct mark *mark_stale_reuse(const struct sock *sk, struct mark *mark)
{
	if (!is_stale_reuse(sk)) {
		return mark;
	}
	if (!mark) {
		mark = create_mark(sk);
	}
	if (mark) {
		mark->conditions |= CONDITION_STALE_REUSE;
		mark->swept_pass = 0;
	}
	return mark;
}

#endif
