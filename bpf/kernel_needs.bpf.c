// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What the sensor needs of a kernel, a tiny program each. Loaded one by one, and only after the real programs were
 * refused: which of these are refused too says in one sentence why, where the verifier would fill a page.
 *
 * Design decisions
 *  - Programs, not version numbers or names in BTF: distributions carry back-ports, and a helper that exists may be
 *    forbidden to this type of program (bpf_get_socket_cookie came to tracing programs long after it came to others).
 *  - Each program does one thing, and is never attached. needs.c has the sentence to each.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} storage SEC(".maps");

volatile __u64 result;

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(need_tracing, const struct sock *sk)
{
	return 0;
}

/* Through the helper that kernel_lockdown(7) forbids in confidentiality mode. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(need_memory, const struct sock *sk)
{
	result = BPF_CORE_READ(sk, sk_err);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(need_storage, const struct sock *sk)
{
	result = (__u64)bpf_sk_storage_get(&storage, (void *)sk, NULL, 0);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(need_cookie, const struct sock *sk)
{
	result = bpf_get_socket_cookie((void *)sk);
	return 0;
}

SEC("iter/task_file")
int need_socket_of_file(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;

	if (file) {
		result = (__u64)bpf_sock_from_file(file);
	}
	return 0;
}
