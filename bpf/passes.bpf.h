/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The iterators: `refresh` visits the marked sockets, `sweep` every descriptor of every process, both in all network
 * namespaces. Their output is the record stream itself. When the output buffer is full the kernel throws away what the
 * program wrote for the present object and runs it again, so state changes only after the last write has succeeded.
 */
#ifndef STUCKD_PASSES_BPF_H
#define STUCKD_PASSES_BPF_H

/* Every TCP socket has the function in its timer, from its creation on (tcp_init_xmit_timers()). */
static __always_inline void learn_keepalive_timer(const struct sock *sk)
{
	if (!keepalive_timer_address) {
		keepalive_timer_address = (__u64)BPF_CORE_READ(keepalive_timer_of(sk), function);
	}
}

SEC("iter/bpf_sk_storage_map")
int refresh(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct sweep_output *out;
	const struct tcp_sock *tp;
	struct mark *mark;
	__u32 zero = 0, found;

	if (!sk) { /* the end of the pass; also the only call when nothing is marked */
		clock_jiffies = bpf_jiffies64();
		clock_mono_ns = bpf_ktime_get_ns();
		sensor_tgid = bpf_get_current_pid_tgid() >> 32;
		kernel_fields = find_kernel_fields();
		return 0;
	}
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !is_tcp(sk)) {
		return 0; /* somebody made another protocol of the sensor's own socket (update_socket_protocol()) */
	}
	learn_keepalive_timer(sk);
	mark = ctx->value;
	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!mark || !out || mark->refreshed_pass == pass_id) {
		return 0;
	}
	if (!pass_full && (mark->conditions || is_waiting(mark->state, mark->retransmits, mark->probes_out)) &&
	    is_unchanged(mark, sk)) {
		mark->refreshed_pass = pass_id;
		pass_marked++;
		pass_sockets++;
		return 0;
	}
	fill_socket(&out->socket, sk, CAUSE_REFRESH);
	out->socket.pass_id = pass_id;
	apply_mark(&out->socket, mark);
	found = find_conditions(sk, tp, out->socket.state, true);
	if (!found && !is_wanted_by_sweep(mark) &&
	    !is_waiting(out->socket.state, out->socket.retransmits, out->socket.probes_out)) {
		out->socket.flags |= SOCKET_CLEARED;
	}
	if (bpf_seq_write(ctx->meta->seq, &out->socket, sizeof(out->socket))) {
		return 0;
	}
	mark->refreshed_pass = pass_id;
	pass_sockets++;
	pass_reported++;
	if (out->socket.flags & SOCKET_CLEARED) {
		bpf_sk_storage_delete(&marks, sk);
		return 0;
	}
	pass_marked++;
	remember(mark, &out->socket, found);
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
	struct listener now = {.last_sweep = sweep_count, .last_second = monotonic_seconds()};
	struct listener *listener = bpf_map_lookup_elem(&listeners, &key);

	if (listener) {
		*listener = now;
	} else {
		bpf_map_update_elem(&listeners, &key, &now, BPF_ANY);
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

/*
 * What nearly every socket is: established, with nothing received that waits for its reader, nothing sent or to be sent that
 * waits for its peer, and no probe. All but the last is in struct sock itself, so that it takes one cache line of struct
 * tcp_sock instead of six, and no look for a mark: a sweep over 20,000 such sockets takes 9.4 ms instead of 13.5. Anything
 * else is looked at closely, among it what anybody has marked: a counted connection (interests.bpf.h) for as long as it lives.
 */
static __always_inline bool is_at_rest(const struct sock *sk)
{
	return sk->__sk_common.skc_state == TCP_ESTABLISHED && !sk->sk_backlog.rmem_alloc.counter &&
	       !sk->sk_wmem_queued && !sk->sk_bpf_storage &&
	       !BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_probes_out) && !is_watched(sk);
}

static __always_inline void count_process(const struct task_struct *task)
{
	if (pass_last_tgid != (__u32)task->tgid) {
		pass_last_tgid = task->tgid;
		pass_processes++;
	}
}

static __always_inline void count_socket(const struct task_struct *task, const struct file *file, struct sock *sk)
{
	__u8 state = sk->__sk_common.skc_state;

	pass_sockets++;
	if (state != TCP_LISTEN && state != TCP_CLOSE) {
		pass_connections++;
		if (pass_counting) {
			count_connection(task, file, sk);
		}
	}
	count_process(task);
}

static __always_inline bool is_wanted(const struct task_struct *task)
{
	__u32 tgid = task->tgid;

	return wanted_count && pass_reported_tgid != tgid && bpf_map_lookup_elem(&wanted, &tgid);
}

/* The TCP socket behind a descriptor, or NULL. */
static __always_inline struct sock *tcp_socket_of(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk = socket ? socket->sk : NULL;

	if (!sk || (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)) {
		return NULL;
	}
	return is_tcp(sk) ? sk : NULL;
}

/* Returns false if there was no room; the kernel then throws away all of this visit and repeats it. */
static __always_inline bool write_process(struct bpf_iter__task_file *ctx, struct task_struct *task,
					  struct sweep_output *out)
{
	struct mm_struct *mm = task->mm;

	fill_process(&out->process, task, mm ? mm->exe_file : NULL);
	return !bpf_seq_write(ctx->meta->seq, &out->process, sizeof(out->process));
}

/* A descriptor of which nothing is to be told. Returns false if the visit will be repeated. */
static __always_inline bool pass_over(struct bpf_iter__task_file *ctx, struct task_struct *task)
{
	struct sweep_output *out;
	__u32 zero = 0;

	if (!is_wanted(task)) {
		return true;
	}
	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!out || !write_process(ctx, task, out)) {
		return false;
	}
	pass_reported_tgid = task->tgid;
	return true;
}

/* A descriptor that an audit has done with. */
static __always_inline void count_audited(const struct task_struct *task, bool is_connection)
{
	pass_sockets++;
	pass_connections += is_connection;
	count_process(task);
}

/*
 * One descriptor in an audit. Nothing is marked, so that nobody knows here whether another descriptor of the same socket was
 * told already: the daemon counts each cookie once.
 */
static __always_inline void audit_socket(struct bpf_iter__task_file *ctx, struct task_struct *task, struct sock *sk)
{
	struct sweep_output *out;
	__u8 state = sk->__sk_common.skc_state;
	__u32 zero = 0;

	if (state == TCP_LISTEN) {
		learn_listener(sk); /* as a rule it has a lower descriptor than what came in through it */
	}
	if (state != TCP_ESTABLISHED || pass_reported >= pass_report_max) {
		count_audited(task, state == TCP_ESTABLISHED);
		return;
	}
	out = bpf_map_lookup_elem(&scratch, &zero);
	if (!out) {
		return;
	}
	bpf_get_socket_cookie(sk); /* gives it one if it has none; fill_socket() reads it */
	fill_socket(&out->socket, sk, CAUSE_AUDIT);
	out->socket.pass_id = pass_id;
	fill_holder(&out->holder, &out->socket, task, ctx->fd);
	if (pass_reported_tgid != (__u32)task->tgid && !write_process(ctx, task, out)) {
		return;
	}
	if (bpf_seq_write(ctx->meta->seq, &out->socket, sizeof(out->socket)) ||
	    bpf_seq_write(ctx->meta->seq, &out->holder, sizeof(out->holder))) {
		return; /* the kernel repeats all of this visit */
	}
	count_audited(task, true);
	pass_reported++;
	pass_reported_tgid = task->tgid;
}

SEC("iter/task_file")
int sweep(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sweep_output *out;
	const struct tcp_sock *tp;
	struct mark *mark = NULL;
	struct sock *sk;
	__u32 zero = 0, found = 0;
	bool deserves_report = false, first_visit;
	__u8 state;

	if (!task || !file) {
		end_counting(); /* the end of the pass */
		return 0;
	}
	if (pass_counting) {
		begin_counting(task);
	}
	sk = tcp_socket_of(file);
	if (pass_audit) {
		if (sk) {
			audit_socket(ctx, task, sk);
		}
		return 0;
	}
	if (!sk) {
		pass_over(ctx, task);
		return 0;
	}
	learn_keepalive_timer(sk);
	if (!is_at_rest(sk)) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (!tp) {
			return 0;
		}
		state = sk->__sk_common.skc_state;
		if (state == TCP_LISTEN) {
			learn_listener(sk);
		}
		mark = find_mark(sk);
		found = find_conditions(sk, tp, state, false);
		deserves_report = mark || found || is_over_threshold(tp, state) || is_watched(sk);
	}
	if (!deserves_report) {
		if (pass_over(ctx, task)) {
			count_socket(task, file, sk);
		}
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

	/* If one write fails all of this visit is repeated, so state changes only at the end. */
	first_visit = mark->swept_pass != pass_id;
	if (pass_reported_tgid != (__u32)task->tgid && !write_process(ctx, task, out)) {
		return 0;
	}
	if (first_visit && bpf_seq_write(ctx->meta->seq, &out->socket, sizeof(out->socket))) {
		return 0;
	}
	if (bpf_seq_write(ctx->meta->seq, &out->holder, sizeof(out->holder))) {
		return 0;
	}
	count_socket(task, file, sk);
	if (first_visit) {
		mark->swept_pass = pass_id;
		remember(mark, &out->socket, found);
		pass_reported++;
	}
	pass_reported_tgid = task->tgid;
	return 0;
}

#endif
