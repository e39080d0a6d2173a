/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Totals: what turns "3 connections are stuck" into "3 of 10", and whether new connections to a peer work while old ones
 * hang. Counted are only the peers, listeners and processes of which the daemon has open records (COMMAND_COUNT); without
 * any, all of this costs one test of a counter.
 */
#ifndef STUCKD_INTERESTS_BPF_H
#define STUCKD_INTERESTS_BPF_H

/* 127.0.0.0/8, as IPv4-mapped address, or ::1. */
static __always_inline bool is_loopback(const __u32 *address)
{
	if (address[0] || address[1]) {
		return false;
	}
	return address[2] == bpf_htonl(0xffff) ? (address[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000)
					       : !address[2] && address[3] == bpf_htonl(1);
}

static __always_inline struct interest *find_peer(const struct sock *sk)
{
	struct interest_key key = {.kind = INTEREST_PEER, .number = bpf_ntohs(sk->__sk_common.skc_dport)};

	if (sk->__sk_common.skc_family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&key.address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32);
	} else {
		key.address[2] = bpf_htonl(0xffff);
		key.address[3] = sk->__sk_common.skc_daddr;
	}
	if (is_loopback(key.address)) {
		key.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	}
	return bpf_map_lookup_elem(&interests, &key);
}

/* The listener that a connection came in through: as SOCKET_INBOUND, by its local port. */
static __always_inline struct interest *find_listener(const struct sock *sk)
{
	struct interest_key key = {.kind = INTEREST_LISTENER, .number = sk->__sk_common.skc_num};
	struct interest *interest = bpf_map_lookup_elem(&interests, &key);

	if (!interest || sk->__sk_common.skc_state == TCP_SYN_SENT) {
		return NULL;
	}
	return had_listener(BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum), key.number) ? interest : NULL;
}

/*
 * A new connection is established, or is not. One that its process closed before any SYN was sent again says nothing about
 * the peer.
 */
static __always_inline void count_attempt(const struct sock *sk, int new_state)
{
	const struct tcp_sock *tp = (const void *)sk;
	struct interest *interest;

	if (new_state == TCP_CLOSE) {
		if (!BPF_CORE_READ(sk, sk_err) && !BPF_CORE_READ(tp, inet_conn.icsk_retransmits)) {
			return;
		}
	} else if (new_state != TCP_ESTABLISHED) {
		return;
	}
	interest = find_peer(sk);
	if (!interest) {
		return;
	}
	if (new_state == TCP_ESTABLISHED) {
		COUNT(interest->succeeded);
		interest->last_success_us = bpf_ktime_get_ns() / 1000;
	} else {
		COUNT(interest->failed);
		interest->last_failure_us = bpf_ktime_get_ns() / 1000;
	}
}

static __always_inline void add_holding(__u32 tgid, __u32 interest_id, __u32 connections)
{
	struct holding_key key = {.tgid = tgid, .interest_id = interest_id};
	struct holding first = {.start_boot_us = counting_start_us, .connections = connections};
	struct holding *holding = bpf_map_lookup_elem(&holdings, &key);

	if (holding) {
		holding->connections += connections;
	} else if (bpf_map_update_elem(&holdings, &key, &first, BPF_NOEXIST)) {
		__sync_fetch_and_add(&holdings_dropped, connections);
	}
}

/* All descriptors of the process were visited. */
static __always_inline void end_counting(void)
{
	if (counting_tgid && counting_wanted) {
		add_holding(counting_tgid, 0, counting_connections);
	}
	counting_tgid = 0;
}

/* To be called for every descriptor, also for those that are no sockets: a process may have none and live. */
static __always_inline void begin_counting(struct task_struct *task)
{
	struct interest_key key = {.kind = INTEREST_PROCESS, .number = task->tgid};

	if (counting_tgid == key.number) {
		return;
	}
	end_counting();
	counting_tgid = key.number;
	counting_connections = 0;
	counting_start_us = BPF_CORE_READ(task, group_leader, start_boottime) / 1000;
	counting_wanted = process_interest_count && bpf_map_lookup_elem(&interests, &key);
}

/* A sign of life on one connection tells whether a peer that is silent on another is dead. */
static __always_inline void note_last_ack(struct interest *interest, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u32 heard, age;

	if (sk->__sk_common.skc_state == TCP_SYN_SENT) {
		interest->connecting++;
		return;
	}
	heard = BPF_CORE_READ(tp, rcv_tstamp); /* first: an age must not be negative */
	age = (__u32)bpf_jiffies64() - heard;
	if (age < interest->heard_age_jiffies) {
		interest->heard_age_jiffies = age;
	}
}

static __always_inline void count_for(struct interest *interest, const struct sock *sk, __u32 tgid, bool first)
{
	if (!interest) {
		return;
	}
	if (interest->counted_pass != pass_id) {
		interest->counted_pass = pass_id;
		interest->connections = interest->connecting = 0;
		interest->heard_age_jiffies = ~0u;
	}
	if (first) {
		interest->connections++;
		note_last_ack(interest, sk);
	}
	add_holding(tgid, interest->id, 1);
	counting_wanted = true;
}

/*
 * Counts a connection once for each process that holds it, and once for its peer. Descriptors of one process are visited
 * one after the other.
 */
static __always_inline void count_connection(const struct task_struct *task, const struct file *file, struct sock *sk)
{
	__u32 tgid = task->tgid;
	bool first = true;

	if (may_be_shared(file)) {
		struct counted *counted = bpf_sk_storage_get(&counted_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

		if (counted) { /* without memory for it, it counts for each of its descriptors */
			first = counted->pass_id != pass_id;
			if (!first && counted->tgid == tgid) {
				return;
			}
			counted->pass_id = pass_id;
			counted->tgid = tgid;
		}
	}
	counting_connections++;
	if (peer_interest_count) {
		count_for(find_peer(sk), sk, tgid, first);
	}
	if (listener_interest_count) {
		count_for(find_listener(sk), sk, tgid, first);
	}
}

#endif
