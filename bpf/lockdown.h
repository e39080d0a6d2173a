/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* kernel_lockdown(7): which of its modes is on. */
#ifndef STUCKD_LOCKDOWN_H
#define STUCKD_LOCKDOWN_H

enum lockdown {
	LOCKDOWN_UNKNOWN, /* securityfs is not mounted, or this kernel has no lockdown */
	LOCKDOWN_NONE,
	LOCKDOWN_INTEGRITY,       /* harmless: it forbids writing to the kernel, not reading */
	LOCKDOWN_CONFIDENTIALITY, /* BPF programs may not read kernel memory: the sensor cannot work */
};

enum lockdown lockdown_mode(void);

#endif
