/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Keys and values of the maps that totals are counted in, for the programs and for user space (totals.c). */
#ifndef STUCKD_INTERESTS_H
#define STUCKD_INTERESTS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * What the daemon wants counted, while something of it is stuck. Namespaces are told apart for loopback addresses only:
 * each has its own; any other peer is an address and a port to whoever reads the totals.
 */
struct interest_key {
	__u32 address[4]; /* network byte order; IPv4 as IPv4-mapped IPv6; 0 unless it is a peer */
	__u32 kind;       /* enum interest_kind */
	__u32 number;     /* port, or process id */
	__u32 netns;      /* of a loopback peer; else 0 */
};
struct interest {
	__u64 succeeded;
	__u64 failed;
	__u64 last_success_us;
	__u64 last_failure_us;
	__u32 id;
	__u32 added_pass;   /* the last pass that had begun as it was added: that one may have missed some of it */
	__u32 counted_pass; /* the sweep that `connections` belongs to */
	__u32 connections;
	__u32 connecting;
	__u32 heard_age_jiffies;
};

/* Connections by process and interest, as the present sweep has counted them; user space empties it. */
struct holding_key {
	__u32 tgid;
	__u32 interest_id; /* 0: all connections of the process */
};
struct holding {
	__u64 start_boot_us;
	__u32 connections;
	__u32 _pad;
};

/*
 * By whom a socket with more than one reference to its file was counted, since it may have more than one descriptor.
 * Nearly all sockets have one, and pay nothing.
 */
struct counted {
	__u32 pass_id;
	__u32 tgid;
};

#endif
