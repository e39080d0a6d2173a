/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What moved between kernels, a bit each: the BPF programs say what they found (core_compat.bpf.h), user space tells it. */
#ifndef STUCKD_KERNEL_FIELDS_H
#define STUCKD_KERNEL_FIELDS_H

enum kernel_field {
	FIELD_ICSK_TIMEOUT = 1 << 0,
	FIELD_TCP_RETRANSMIT_TIMER = 1 << 1, /* unset: icsk_retransmit_timer */
	FIELD_ICSK_KEEPALIVE_TIMER = 1 << 2, /* unset: sk_timer */
	FIELD_RTO_MAX = 1 << 3,
	FIELD_RTO_STAMP = 1 << 4,
	FIELD_USEC_STAMPS = 1 << 5,
	FIELD_SYN_LINEAR = 1 << 6,
	FIELD_SOCKET_CGROUP = 1 << 7,
	FIELD_PROBES_TSTAMP = 1 << 8,
};

#endif
