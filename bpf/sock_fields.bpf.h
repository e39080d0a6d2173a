/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From struct sock to a socket_record. Reads go through bpf_probe_read_kernel, not through typed pointers, so that the
 * same code serves a socket that the verifier trusts (tracepoints, iterators) and one that was computed from its timer.
 */
#ifndef STUCKD_SOCK_FIELDS_BPF_H
#define STUCKD_SOCK_FIELDS_BPF_H

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define SOCK_STREAM 1
#define SOCK_DEAD_BIT 0 /* enum sock_flags, include/net/sock.h */

/* A server that drains has closed its listener, and keeps what came in through it. */
#define LISTENER_SECONDS 600

static __always_inline __u32 monotonic_seconds(void)
{
	return bpf_ktime_get_ns() / 1000000000;
}

static __always_inline bool had_listener(__u32 netns, __u32 port)
{
	struct listener_key key = {.netns = netns, .port = port};
	const struct listener *listener = bpf_map_lookup_elem(&listeners, &key);

	if (!listener) {
		return false;
	}
	/* The sweep that is running may not have come to it; and they may be far apart. */
	return sweep_count - listener->last_sweep <= 1 ||
	       monotonic_seconds() - listener->last_second <= LISTENER_SECONDS;
}
#define SOCK_DONE_BIT 1 /* the peer has closed */
#define SOCK_KEEPOPEN_BIT 3

static __always_inline void fill_addresses(struct socket_record *r, const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	/* skc_num is 0 once the port was released; inet_sport keeps it (inet_sock_set_state to CLOSE). */
	r->local_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	r->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&r->local_address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&r->remote_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
		return;
	}
	__builtin_memset(r->local_address, 0, 10);
	__builtin_memset(r->remote_address, 0, 10);
	r->local_address[10] = r->local_address[11] = 0xff;
	r->remote_address[10] = r->remote_address[11] = 0xff;
	bpf_core_read(&r->local_address[12], 4, &sk->__sk_common.skc_rcv_saddr);
	bpf_core_read(&r->remote_address[12], 4, &sk->__sk_common.skc_daddr);
}

static __always_inline __u32 write_timer_expires(const struct sock *sk)
{
	/* Where icsk_timeout exists the timer may fire earlier than the action is due, and re-arms itself. */
	if (HAS_ICSK_TIMEOUT) {
		return BPF_CORE_READ((const struct inet_connection_sock___timeout *)sk, icsk_timeout);
	}
	return BPF_CORE_READ(write_timer_of(sk), expires);
}

static __always_inline void fill_timers(struct socket_record *r, const struct sock *sk)
{
	const struct timer_list *write_timer = write_timer_of(sk);
	const struct timer_list *keepalive_timer = keepalive_timer_of(sk);

	r->write_timer_expires_jiffies32 = write_timer_expires(sk);
	r->write_timer_flags = BPF_CORE_READ(write_timer, flags);
	r->keepalive_timer_expires_jiffies32 = BPF_CORE_READ(keepalive_timer, expires);
	r->keepalive_timer_flags = BPF_CORE_READ(keepalive_timer, flags);
	if (BPF_CORE_READ(write_timer, entry.pprev)) {
		r->flags |= SOCKET_WRITE_TIMER_PENDING;
	}
	if (BPF_CORE_READ(keepalive_timer, entry.pprev)) {
		r->flags |= SOCKET_KEEPALIVE_TIMER_PENDING;
	}
}

static __always_inline void fill_ownership(struct socket_record *r, const struct sock *sk)
{
	unsigned long flags = BPF_CORE_READ(sk, __sk_common.skc_flags);
	const struct socket *socket = BPF_CORE_READ(sk, sk_socket);

	if (flags & (1ul << SOCK_DEAD_BIT)) {
		r->flags |= SOCKET_DEAD;
	}
	if (flags & (1ul << SOCK_KEEPOPEN_BIT)) {
		r->flags |= SOCKET_KEEPALIVE;
	}
	if (socket) {
		r->flags |= SOCKET_HAS_SOCKET;
		if (BPF_CORE_READ(socket, file)) {
			r->flags |= SOCKET_HAS_FILE;
		}
	}
	r->uid = BPF_CORE_READ(sk, sk_uid.val);
	if (HAS_SOCKET_CGROUP) {
		r->cgroup_id = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	}
}

static __always_inline void fill_sysctls(struct socket_record *r, const struct net *net)
{
	r->sysctl_keepalive_time_jiffies = BPF_CORE_READ(net, ipv4.sysctl_tcp_keepalive_time);
	r->sysctl_keepalive_intvl_jiffies = BPF_CORE_READ(net, ipv4.sysctl_tcp_keepalive_intvl);
	r->sysctl_keepalive_probes = BPF_CORE_READ(net, ipv4.sysctl_tcp_keepalive_probes);
	r->sysctl_fin_timeout_jiffies = BPF_CORE_READ(net, ipv4.sysctl_tcp_fin_timeout);
	r->sysctl_retries1 = BPF_CORE_READ(net, ipv4.sysctl_tcp_retries1);
	r->sysctl_retries2 = BPF_CORE_READ(net, ipv4.sysctl_tcp_retries2);
	r->sysctl_orphan_retries = BPF_CORE_READ(net, ipv4.sysctl_tcp_orphan_retries);
	r->sysctl_syn_retries = BPF_CORE_READ(net, ipv4.sysctl_tcp_syn_retries);
	r->sysctl_early_retrans = BPF_CORE_READ(net, ipv4.sysctl_tcp_early_retrans);
	r->sysctl_thin_linear_timeouts = BPF_CORE_READ(net, ipv4.sysctl_tcp_thin_linear_timeouts);
	if (HAS_SYN_LINEAR) {
		const struct netns_ipv4___syn_linear *ipv4 = (const void *)&net->ipv4;
		r->sysctl_syn_linear_timeouts = BPF_CORE_READ(ipv4, sysctl_tcp_syn_linear_timeouts);
	}
}

static __always_inline void fill_congestion(struct socket_record *r, const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;

	r->ca_state = BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state);
	r->pending = BPF_CORE_READ(icsk, icsk_pending);
	r->retransmits = BPF_CORE_READ(icsk, icsk_retransmits);
	r->backoff = BPF_CORE_READ(icsk, icsk_backoff);
	r->probes_out = BPF_CORE_READ(icsk, icsk_probes_out);
	r->syn_retries = BPF_CORE_READ(icsk, icsk_syn_retries);
	r->rto_jiffies = BPF_CORE_READ(icsk, icsk_rto);
	r->rto_min_jiffies = BPF_CORE_READ(icsk, icsk_rto_min);
	if (HAS_RTO_MAX) {
		r->rto_max_jiffies = BPF_CORE_READ((const struct inet_connection_sock___rto_max *)icsk, icsk_rto_max);
	}
	r->user_timeout_ms = BPF_CORE_READ(icsk, icsk_user_timeout);
	if (HAS_PROBES_TSTAMP) {
		r->probes_tstamp_jiffies32 =
			BPF_CORE_READ((const struct inet_connection_sock___probes_tstamp *)icsk, icsk_probes_tstamp);
	}
	r->lrcvtime_jiffies32 = BPF_CORE_READ(icsk, icsk_ack.lrcvtime);
	r->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	r->rttvar_us = BPF_CORE_READ(tp, rttvar_us);
	r->retrans_stamp = BPF_CORE_READ(tp, retrans_stamp);
	if (HAS_RTO_STAMP) {
		r->flags |= SOCKET_HAS_RTO_STAMP;
		r->rto_stamp_ms = BPF_CORE_READ((const struct tcp_sock___rto *)tp, rto_stamp);
		r->total_rto = BPF_CORE_READ((const struct tcp_sock___rto *)tp, total_rto);
	}
	if (HAS_USEC_STAMPS) {
		if (BPF_CORE_READ_BITFIELD_PROBED((const struct tcp_sock___usec *)tp, tcp_usec_ts)) {
			r->flags |= SOCKET_USEC_STAMPS;
		}
	}
	if (BPF_CORE_READ_BITFIELD_PROBED(tp, tlp_retrans)) {
		r->flags |= SOCKET_TLP_RETRANS;
	}
	if (BPF_CORE_READ_BITFIELD_PROBED(tp, thin_lto)) {
		r->flags |= SOCKET_THIN_LTO;
	}
	r->snd_ssthresh = BPF_CORE_READ(tp, snd_ssthresh);
}

static __always_inline void fill_sequences(struct socket_record *r, const struct tcp_sock *tp)
{
	r->snd_una = BPF_CORE_READ(tp, snd_una);
	r->snd_nxt = BPF_CORE_READ(tp, snd_nxt);
	r->write_seq = BPF_CORE_READ(tp, write_seq);
	r->rcv_nxt = BPF_CORE_READ(tp, rcv_nxt);
	r->copied_seq = BPF_CORE_READ(tp, copied_seq);
	r->packets_out = BPF_CORE_READ(tp, packets_out);
	r->sacked_out = BPF_CORE_READ(tp, sacked_out);
	r->mss = BPF_CORE_READ(tp, mss_cache);
	r->snd_wnd = BPF_CORE_READ(tp, snd_wnd);
	r->rcv_wnd = BPF_CORE_READ(tp, rcv_wnd);
	r->total_retrans = BPF_CORE_READ(tp, total_retrans);
	r->segs_out = BPF_CORE_READ(tp, segs_out);
	r->data_segs_out = BPF_CORE_READ(tp, data_segs_out);
	r->data_segs_in = BPF_CORE_READ(tp, data_segs_in);
	r->bytes_sent = BPF_CORE_READ(tp, bytes_sent);
	r->bytes_acked = BPF_CORE_READ(tp, bytes_acked);
	r->bytes_received = BPF_CORE_READ(tp, bytes_received);
	r->rcv_tstamp_jiffies32 = BPF_CORE_READ(tp, rcv_tstamp);
	r->lsndtime_jiffies32 = BPF_CORE_READ(tp, lsndtime);
	r->keepalive_time_jiffies = BPF_CORE_READ(tp, keepalive_time);
	r->keepalive_intvl_jiffies = BPF_CORE_READ(tp, keepalive_intvl);
	r->keepalive_probes = BPF_CORE_READ(tp, keepalive_probes);
	r->linger2_jiffies = BPF_CORE_READ(tp, linger2);
}

static __always_inline void fill_queues(struct socket_record *r, const struct sock *sk)
{
	r->receive_queue_bytes = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
	r->receive_buffer_bytes = BPF_CORE_READ(sk, sk_rcvbuf);
	r->shutdown = BPF_CORE_READ(sk, sk_shutdown);
	if (r->state == TCP_LISTEN) {
		const struct inet_connection_sock *icsk = (const void *)sk;

		r->ack_backlog = BPF_CORE_READ(sk, sk_ack_backlog);
		r->max_ack_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
		r->syn_queue = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
		r->syn_queue_young = BPF_CORE_READ(icsk, icsk_accept_queue.young.counter);
	}
}

/*
 * Fills a whole record. Every byte is written: a reserved ring-buffer record holds old kernel memory.
 * The cookie is the raw one; callers that may create it do so first.
 */
static __noinline void fill_socket(struct socket_record *r, const struct sock *sk, __u16 cause)
{
	const struct net *net;

	if (!r || !sk) {
		return;
	}
	net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	__builtin_memset(r, 0, sizeof(*r));
	r->header.size = sizeof(*r);
	r->header.kind = RECORD_SOCKET;
	r->header.cause = cause;
	r->jiffies = bpf_jiffies64();
	r->mono_us = bpf_ktime_get_ns() / 1000;
	r->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	r->netns = BPF_CORE_READ(net, ns.inum);
	r->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	r->sk_err = BPF_CORE_READ(sk, sk_err);
	r->sk_err_soft = BPF_CORE_READ(sk, sk_err_soft);
	fill_addresses(r, sk);
	fill_ownership(r, sk);
	fill_timers(r, sk);
	fill_congestion(r, (const struct tcp_sock *)sk);
	fill_sequences(r, (const struct tcp_sock *)sk);
	fill_queues(r, sk);
	fill_sysctls(r, net);
	if (had_listener(r->netns, r->local_port)) {
		r->flags |= SOCKET_INBOUND;
	}
}

#endif
