/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What an observer that polls knows: of one process, for one session. All but `wanted` belongs to the thread of the passes. */
#ifndef STUCKD_DIAG_H
#define STUCKD_DIAG_H

#include <pthread.h>

#include "diag_message.h"
#include "diag_namespaces.h"
#include "diag_output.h"
#include "diag_table.h"
#include "interests.h"
#include "session.h"

struct diag_socket_key {
	__u64 cookie;
	__u32 netns;
	__u32 _pad;
};

/* A socket under observation, as a mark of the BPF programs is. */
struct diag_suspect {
	struct diag_socket_key key;
	struct diag_socket last; /* as it was seen last */
	__u32 conditions;
	__u32 seen_pass; /* the last pass that saw it */
	/* The descriptor that the last sweep found, to ask whether it is still there. */
	__u32 holder_tgid; /* 0: none */
	__u32 holder_fd;
	bool is_answered; /* the peer has acknowledged all, the FIN too, before it was gone */
	bool ended;       /* the kernel has ended it; it stays here while a descriptor may be left */
};

/* A connection or listener of the sweep that runs, by the inode that /proc/PID/fd shows. */
struct diag_inode {
	__u32 inode; /* the key */
	__u32 netns;
	__u64 cookie;       /* of one that is reported; else 0 */
	__u32 counted_tgid; /* the last process that it was counted for */
	__u16 peer;         /* number of the interest that it counts for, plus one; 0: none */
	__u16 listener;
	bool is_connection;
};

/* A listener, which is looked at when the requests for connections to it were seen. */
struct diag_listening {
	__u64 cookie; /* the key */
	struct diag_socket socket;
};

struct diag_interest {
	struct interest_key key;
	__u32 id;
	__u32 connections;
	__u32 connecting;
	__u32 heard_age_ms;
};

struct diag_holding {
	struct holding_key key;
	__u32 connections;
	__u64 start_boot_us;
};

/* What the daemon asked for, and the main thread writes. */
struct diag_wanted {
	pthread_mutex_t lock;
	struct diag_table watched;   /* cookies */
	struct diag_table interests; /* struct diag_interest */
	__u64 watch_rejected;
	__u64 count_rejected;
};

struct diag {
	struct diag_wanted wanted;
	struct diag_namespaces namespaces;
	struct diag_table suspects;  /* struct diag_suspect */
	struct diag_table listeners; /* diag_listeners.c */
	struct diag_table listening; /* struct diag_listening: listeners of the namespace that is dumped now */
	struct diag_table inodes;    /* struct diag_inode */
	struct diag_table counted;   /* struct diag_interest: those that this sweep counts */
	struct diag_table holdings;  /* struct diag_holding */
	struct diag_output output;
	__u64 suspects_rejected;
	__u64 holdings_dropped;
};

/* One pass, as far as it has come. */
struct diag_pass {
	struct diag *diag;
	struct session *session;
	struct configure_command configuration;
	struct pass_record edge;
	struct reach_record reach;
	__u32 netns; /* that is dumped now */
	bool sweeps;
	bool reports_all; /* suspects that have not changed, too */
	bool counts;      /* interests */
};

#endif
