/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The limit of every sweep: an iterator over all descriptors of all processes that reads nothing.
 *
 * Design decisions
 *  - An object of its own, so that measuring sweeps attaches nothing to any tracepoint.
 *  - No vmlinux.h: a program that does not look at its context needs no types.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task_file")
int nop_sweep(void *context)
{
	return 0;
}
