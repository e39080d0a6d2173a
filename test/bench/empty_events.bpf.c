/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The limit of every event program: programs on the sensor's hooks that do nothing.
 *
 * Design decisions
 *  - The same program type (tp_btf) as the sensor's, on the same hooks and attached at the same time, so that both are
 *    run for the same events under the same conditions.
 *  - Names of at most 15 characters, since the kernel cuts them there.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/tcp_retransmit_skb")
int nop_retransmit(void *context)
{
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int nop_timer(void *context)
{
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int nop_set_state(void *context)
{
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int nop_destroy(void *context)
{
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int nop_recv_reset(void *context)
{
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int nop_send_reset(void *context)
{
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int nop_error(void *context)
{
	return 0;
}

SEC("tp_btf/tcp_cong_state_set")
int nop_congestion(void *context)
{
	return 0;
}
