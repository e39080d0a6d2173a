/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What moved between kernels, found by BTF and never by version (stable kernels carry back-ports).
 *
 *  - Keepalive timer: `sk->sk_timer` until it became `icsk->icsk_keepalive_timer` (tcp: move sk_timer, 6.19, and
 *    back-ported to 6.1.y and 6.12.y). `sk_timer` still exists there, in a union with the retransmit timer, so its
 *    existence proves nothing: ask for icsk_keepalive_timer first.
 *  - Write timer: `icsk->icsk_retransmit_timer` until it became `sk->tcp_retransmit_timer` (6.19).
 *  - `icsk_timeout`, where it exists (until 6.14), is when the pending action is due; the timer may stand earlier.
 *  - `icsk_rto_max` (6.15), `total_rto` and `rto_stamp` (6.7), `tcp_usec_ts` (6.7), `sysctl_tcp_syn_linear_timeouts`
 *    (6.5), `sk_cgrp_data.cgroup` (5.15, a tagged `val` before), `icsk_probes_tstamp` (5.11).
 *  - References of a file: `f_count` until it became `f_ref` (6.13), which counts from 0.
 *
 * Fields only, never types: libbpf looks for a type that the kernel does not have in the BTF of all modules, which takes
 * CAP_SYS_ADMIN.
 *
 * Every test is a HAS_ macro, which the programs use and find_kernel_fields() reports: what is told is what is done.
 */
#ifndef STUCKD_CORE_COMPAT_BPF_H
#define STUCKD_CORE_COMPAT_BPF_H

#include "kernel_fields.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inet_connection_sock___keepalive_timer {
	struct timer_list icsk_keepalive_timer;
};
struct inet_connection_sock___retransmit_timer {
	struct timer_list icsk_retransmit_timer;
};
struct inet_connection_sock___timeout {
	unsigned long icsk_timeout;
};
struct inet_connection_sock___rto_max {
	u32 icsk_rto_max;
};
struct sock___retransmit_timer {
	struct timer_list tcp_retransmit_timer;
};
struct sock___timer {
	struct timer_list sk_timer;
};
struct tcp_sock___rto {
	u32 rto_stamp;
	u16 total_rto;
};
struct tcp_sock___usec {
	u8 tcp_usec_ts : 1;
};
struct netns_ipv4___syn_linear {
	u8 sysctl_tcp_syn_linear_timeouts;
};
struct inet_connection_sock___probes_tstamp {
	u32 icsk_probes_tstamp;
};
struct file___count {
	atomic_long_t f_count;
};
struct file___ref {
	struct {
		atomic64_t refcnt;
	} f_ref;
};

#pragma clang attribute pop

#define HAS_ICSK_TIMEOUT bpf_core_field_exists(struct inet_connection_sock___timeout, icsk_timeout)
#define HAS_TCP_RETRANSMIT_TIMER bpf_core_field_exists(struct sock___retransmit_timer, tcp_retransmit_timer)
#define HAS_ICSK_KEEPALIVE_TIMER \
	bpf_core_field_exists(struct inet_connection_sock___keepalive_timer, icsk_keepalive_timer)
#define HAS_RTO_MAX bpf_core_field_exists(struct inet_connection_sock___rto_max, icsk_rto_max)
#define HAS_RTO_STAMP                                               \
	(bpf_core_field_exists(struct tcp_sock___rto, rto_stamp) && \
	 bpf_core_field_exists(struct tcp_sock___rto, total_rto))
#define HAS_USEC_STAMPS bpf_core_field_exists(struct tcp_sock___usec, tcp_usec_ts)
#define HAS_SYN_LINEAR bpf_core_field_exists(struct netns_ipv4___syn_linear, sysctl_tcp_syn_linear_timeouts)
#define HAS_SOCKET_CGROUP bpf_core_field_exists(struct sock_cgroup_data, cgroup)
#define HAS_PROBES_TSTAMP bpf_core_field_exists(struct inet_connection_sock___probes_tstamp, icsk_probes_tstamp)

/* The answers of all of the above, for user space: enum kernel_field. */
static __always_inline __u32 find_kernel_fields(void)
{
	return (HAS_ICSK_TIMEOUT ? FIELD_ICSK_TIMEOUT : 0) |
	       (HAS_TCP_RETRANSMIT_TIMER ? FIELD_TCP_RETRANSMIT_TIMER : 0) |
	       (HAS_ICSK_KEEPALIVE_TIMER ? FIELD_ICSK_KEEPALIVE_TIMER : 0) | (HAS_RTO_MAX ? FIELD_RTO_MAX : 0) |
	       (HAS_RTO_STAMP ? FIELD_RTO_STAMP : 0) | (HAS_USEC_STAMPS ? FIELD_USEC_STAMPS : 0) |
	       (HAS_SYN_LINEAR ? FIELD_SYN_LINEAR : 0) | (HAS_SOCKET_CGROUP ? FIELD_SOCKET_CGROUP : 0) |
	       (HAS_PROBES_TSTAMP ? FIELD_PROBES_TSTAMP : 0);
}

/*
 * Could somebody have another descriptor of this file? `file` is visited by an iterator, which holds a reference of its
 * own; a thread that is just using it holds one too, so that the answer may be a cautious yes.
 */
static __always_inline bool may_be_shared(const struct file *file)
{
	if (bpf_core_field_exists(struct file___count, f_count)) {
		return ((const struct file___count *)file)->f_count.counter > 2;
	}
	if (bpf_core_field_exists(struct file___ref, f_ref)) {
		return ((const struct file___ref *)file)->f_ref.refcnt.counter > 1;
	}
	return true;
}

/* Where the keepalive timer lives: byte offset from the start of the socket. */
static __always_inline __u64 keepalive_timer_offset(void)
{
	if (HAS_ICSK_KEEPALIVE_TIMER) {
		return bpf_core_field_offset(struct inet_connection_sock___keepalive_timer, icsk_keepalive_timer);
	}
	return bpf_core_field_offset(struct sock___timer, sk_timer);
}

static __always_inline const struct timer_list *keepalive_timer_of(const struct sock *sk)
{
	return (const void *)sk + keepalive_timer_offset();
}

/* The timer that serves RTO, tail loss probe and window probe. */
static __always_inline const struct timer_list *write_timer_of(const struct sock *sk)
{
	if (HAS_TCP_RETRANSMIT_TIMER) {
		return (const void *)sk + bpf_core_field_offset(struct sock___retransmit_timer, tcp_retransmit_timer);
	}
	return (const void *)sk +
	       bpf_core_field_offset(struct inet_connection_sock___retransmit_timer, icsk_retransmit_timer);
}

#endif
