/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel side of stuckd-sensor.
 *
 * Design decisions
 *  - Only tp_btf programs and iterators: they load with CAP_BPF and CAP_PERFMON alone, fire for every network
 *    namespace, and need neither kprobes nor tracefs. Minimum kernel 5.11 (sk_storage and bpf_sock_from_file in
 *    tracing programs); what moved since is in core_compat.bpf.h.
 *  - Transitions, not packets. A socket is marked (sk_storage) when it crosses a threshold, with one record; later
 *    retransmissions of a marked socket cost a look and nothing else. Refresh passes tell what changed meanwhile.
 *  - tcp_retransmit_skb runs in softirq or in whatever process happens to be on the CPU: `current` says nothing there
 *    and is not read. It is read in one place only, on_set_state(), for transitions that only the closing process
 *    itself can cause.
 *  - The number of consecutive RTOs is in the socket (icsk_retransmits). Counting events would count tail loss probes
 *    and fast retransmits, and would miss retransmissions that failed before the device (no event until 6.16).
 *  - Keepalive probes have no tracepoint: timer_expire_entry is compared with the address of tcp_keepalive_timer. The
 *    socket is computed from the timer, so the verifier does not trust it: no sk_storage there, the next sweep marks it.
 *  - Ownership comes from iter/task_file, never from `current`. Writes to an iterator's output may be thrown away and
 *    run again when its buffer is full, so state changes only after a write that succeeded.
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

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCP_CA_LOSS 4
#define PF_EXITING 0x4 /* include/linux/sched.h */

extern void tcp_keepalive_timer(struct timer_list *t) __ksym __weak;

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
}

static __always_inline void remember(struct mark *mark, const struct socket_record *r)
{
	mark->snd_una = r->snd_una;
	mark->write_seq = r->write_seq;
	mark->rcv_tstamp = r->rcv_tstamp_jiffies32;
	mark->timer_expires = r->write_timer_expires_jiffies32;
	mark->state = r->state;
	mark->retransmits = r->retransmits;
	mark->probes_out = r->probes_out;
	mark->dead = !!(r->flags & SOCKET_DEAD);
}

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

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const void *)sk;
	struct socket_record *r;
	struct mark *mark;
	__u8 retransmits = 0;

	bpf_core_read(&retransmits, sizeof(retransmits), &icsk->icsk_retransmits);
	if (retransmits < rto_threshold && retransmits < syn_threshold) {
		return 0;
	}
	if (retransmits < (sk->__sk_common.skc_state == TCP_SYN_SENT ? syn_threshold : rto_threshold)) {
		return 0;
	}
	COUNT(retransmits_seen);
	if (find_mark(sk)) {
		return 0;
	}
	mark = create_mark(sk);
	if (!mark) {
		return 0;
	}
	r = begin_event(sk, mark, CAUSE_RETRANSMIT);
	if (r) {
		remember(mark, r);
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
	if (new_state != TCP_CLOSE || BPF_CORE_READ(sk, sk_err) || (flags & (1ul << SOCK_DEAD_BIT))) {
		return false;
	}
	return old_state == TCP_ESTABLISHED || old_state == TCP_SYN_SENT || old_state == TCP_CLOSE_WAIT;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, const struct sock *sk, int old_state, int new_state)
{
	struct mark *mark = find_mark(sk);
	struct socket_record *r;

	if (!mark) {
		return 0;
	}
	if (closed_by_current(sk, old_state, new_state) && !(mark->flags & SOCKET_RESET_RECEIVED)) {
		struct task_struct *closer = bpf_get_current_task_btf();

		mark->closer_tgid = closer->tgid;
		if (closer->flags & PF_EXITING) {
			mark->flags |= SOCKET_CLOSER_EXITING;
		}
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
		report_event(sk, mark, CAUSE_DESTROY);
	}
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(on_timer, struct timer_list *timer)
{
	const struct inet_connection_sock *icsk;
	struct socket_record *r;
	__u8 probes = 0;

	if ((void *)timer->function != (void *)tcp_keepalive_timer) {
		return 0;
	}
	icsk = (const void *)timer - keepalive_timer_offset();
	bpf_core_read(&probes, sizeof(probes), &icsk->icsk_probes_out);
	/* The tick that sends the probe that fills the threshold, and the next one, which proves it unanswered. */
	if (probes + 1 < probe_threshold || probes > probe_threshold) {
		return 0;
	}
	if (BPF_CORE_READ((const struct tcp_sock *)icsk, packets_out)) {
		return 0; /* the timer only re-arms itself while data is in flight */
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
		return false;
	default:
		return retransmits || probes;
	}
}

/* Is this socket worth a record although it raised no event, or raised it before we came? */
static __always_inline bool is_suspect(const struct sock *sk, __u8 state)
{
	const struct inet_connection_sock *icsk = (const void *)sk;
	__u8 retransmits = BPF_CORE_READ(icsk, icsk_retransmits);
	__u8 probes = BPF_CORE_READ(icsk, icsk_probes_out);

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
		return retransmits >= rto_threshold ||
		       (probes >= probe_threshold && !BPF_CORE_READ((const struct tcp_sock *)sk, packets_out));
	}
}

static __always_inline bool is_unchanged(const struct mark *mark, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	const struct inet_connection_sock *icsk = (const void *)sk;
	bool dead = BPF_CORE_READ(sk, __sk_common.skc_flags) & (1ul << SOCK_DEAD_BIT);

	return mark->state == BPF_CORE_READ(sk, __sk_common.skc_state) &&
	       mark->retransmits == BPF_CORE_READ(icsk, icsk_retransmits) &&
	       mark->probes_out == BPF_CORE_READ(icsk, icsk_probes_out) && mark->dead == dead &&
	       mark->snd_una == BPF_CORE_READ(tp, snd_una) && mark->write_seq == BPF_CORE_READ(tp, write_seq) &&
	       mark->rcv_tstamp == BPF_CORE_READ(tp, rcv_tstamp);
}

SEC("iter/bpf_sk_storage_map")
int refresh(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct sweep_output *out;
	struct mark *mark;
	__u32 zero = 0;

	if (!sk) { /* the end of the pass; also the only call when nothing is marked */
		clock_jiffies = bpf_jiffies64();
		clock_mono_ns = bpf_ktime_get_ns();
		keepalive_timer_address = (__u64)tcp_keepalive_timer;
		return 0;
	}
	mark = ctx->value;
	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!mark || !out) {
		return 0;
	}
	if (!pass_full && is_waiting(mark->state, mark->retransmits, mark->probes_out) && is_unchanged(mark, sk)) {
		pass_marked++;
		pass_sockets++;
		return 0;
	}
	fill_socket(&out->socket, sk, CAUSE_REFRESH);
	out->socket.pass_id = pass_id;
	apply_mark(&out->socket, mark);
	if (!is_waiting(out->socket.state, out->socket.retransmits, out->socket.probes_out)) {
		out->socket.flags |= SOCKET_CLEARED;
	}
	if (bpf_seq_write(ctx->meta->seq, &out->socket, sizeof(out->socket))) {
		return 0;
	}
	pass_sockets++;
	pass_reported++;
	if (out->socket.flags & SOCKET_CLEARED) {
		bpf_sk_storage_delete(&marks, sk);
		return 0;
	}
	pass_marked++;
	remember(mark, &out->socket);
	return 0;
}

static __always_inline void fill_process(struct process_record *r, struct task_struct *task, struct file *exe)
{
	long length = -1;

	__builtin_memset(r, 0, sizeof(*r));
	r->header.size = sizeof(*r);
	r->header.kind = RECORD_PROCESS;
	r->start_boot_us = BPF_CORE_READ(task, group_leader, start_boottime) / 1000;
	r->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	r->tgid = task->tgid;
	r->parent_tgid = BPF_CORE_READ(task, real_parent, tgid);
	r->uid = BPF_CORE_READ(task, cred, euid.val);
	r->pass_id = pass_id;
	BPF_CORE_READ_STR_INTO(&r->comm, task, group_leader, comm);
	if (exe) {
		length = bpf_d_path(&exe->f_path, r->executable, sizeof(r->executable));
	}
	if (length <= 0) { /* longer than our room, or refused: the last component says more than nothing */
		const unsigned char *name = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
		bpf_probe_read_kernel_str(r->executable, sizeof(r->executable), name);
	}
}

static __always_inline void fill_holder(struct holder_record *r, const struct socket_record *socket,
					struct task_struct *task, __u32 fd)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->header.size = sizeof(*r);
	r->header.kind = RECORD_HOLDER;
	r->cookie = socket->cookie;
	r->start_boot_us = BPF_CORE_READ(task, group_leader, start_boottime) / 1000;
	r->netns = socket->netns;
	r->tgid = task->tgid;
	r->fd = fd;
	r->pass_id = pass_id;
}

static __always_inline void learn_listener(const struct sock *sk)
{
	struct listener_key key = {
		.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum),
		.port = BPF_CORE_READ(sk, __sk_common.skc_num),
	};
	__u8 one = 1;

	if (!bpf_map_lookup_elem(&listeners, &key)) {
		bpf_map_update_elem(&listeners, &key, &one, BPF_ANY);
	}
}

static __always_inline bool is_watched(const struct sock *sk)
{
	__u64 cookie;

	if (!watch_count) {
		return false;
	}
	cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	return cookie && bpf_map_lookup_elem(&watched, &cookie);
}

static __always_inline void count_socket(const struct task_struct *task, __u8 state)
{
	pass_sockets++;
	if (state != TCP_LISTEN && state != TCP_CLOSE) {
		pass_connections++;
	}
	if (pass_last_tgid != (__u32)task->tgid) {
		pass_last_tgid = task->tgid;
		pass_processes++;
	}
}

SEC("iter/task_file")
int sweep(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sweep_output *out;
	struct socket *socket;
	struct mark *mark;
	struct sock *sk;
	bool first_visit, first_of_process;
	__u32 zero = 0;
	__u8 state;

	if (!task || !file) {
		return 0;
	}
	socket = bpf_sock_from_file(file);
	if (!socket) {
		return 0;
	}
	sk = socket->sk;
	if (!sk || (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)) {
		return 0;
	}
	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM) {
		return 0;
	}
	state = sk->__sk_common.skc_state;
	if (state == TCP_LISTEN) {
		learn_listener(sk);
		count_socket(task, state);
		return 0;
	}
	mark = find_mark(sk);
	if (!mark && !is_suspect(sk, state) && !is_watched(sk)) {
		count_socket(task, state);
		return 0;
	}
	if (!mark) {
		mark = create_mark(sk);
	}
	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!mark || !out) {
		return 0;
	}
	fill_socket(&out->socket, sk, CAUSE_SWEEP);
	out->socket.pass_id = pass_id;
	apply_mark(&out->socket, mark);
	fill_holder(&out->holder, &out->socket, task, ctx->fd);

	/* If one write fails the kernel throws away all of this visit and repeats it, so state changes only at the end. */
	first_visit = mark->swept_pass != pass_id;
	first_of_process = pass_reported_tgid != (__u32)task->tgid;
	if (first_of_process) {
		struct mm_struct *mm = task->mm;

		fill_process(&out->process, task, mm ? mm->exe_file : NULL);
		if (bpf_seq_write(ctx->meta->seq, &out->process, sizeof(out->process))) {
			return 0;
		}
	}
	if (first_visit && bpf_seq_write(ctx->meta->seq, &out->socket, sizeof(out->socket))) {
		return 0;
	}
	if (bpf_seq_write(ctx->meta->seq, &out->holder, sizeof(out->holder))) {
		return 0;
	}
	count_socket(task, state);
	if (first_visit) {
		mark->swept_pass = pass_id;
		remember(mark, &out->socket);
		pass_reported++;
	}
	pass_reported_tgid = task->tgid;
	return 0;
}
