/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The TCP settings of a network namespace, as /proc/sys/net/ipv4 shows them to a thread that is in it. */
#ifndef STUCKD_DIAG_SYSCTLS_H
#define STUCKD_DIAG_SYSCTLS_H

#include <stdbool.h>

#include "sensor_wire.h"

struct diag_sysctls {
	__u32 keepalive_time_s;
	__u32 keepalive_intvl_s;
	__u32 fin_timeout_s;
	__u8 keepalive_probes;
	__u8 retries1;
	__u8 retries2;
	__u8 orphan_retries;
	__u8 syn_retries;
	__u8 syn_linear_timeouts;
	__u8 early_retrans;
	__u8 thin_linear_timeouts;
	bool is_read; /* all that every kernel has */
};

/* Reads those of the namespace that the calling thread is in. */
void diag_sysctls_read(struct diag_sysctls *sysctls);

void diag_sysctls_fill(struct polled_record *record, const struct diag_sysctls *sysctls);

#endif
