/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract between stuckd-sensor and stuckd: every record and command that crosses the stream.
 *
 * A record starts with `struct record_header`; `size` counts the whole record, header included, and is fixed per
 * kind. Integers are in host byte order (both ends run on one machine). Addresses are always 16 bytes, IPv4 as
 * IPv4-mapped IPv6, ports in host byte order. There are no holes and no tail padding: the layout generator
 * (gen_layout.mjs) refuses them, so that no kernel memory leaks through padding and TypeScript offsets are exact.
 *
 * Units are typedefs, whose names survive into BTF. All times are CLOCK_MONOTONIC unless named otherwise; fields
 * named *_jiffies32 are the low 32 bits of the kernel's jiffies, as struct tcp_sock keeps them.
 */
#ifndef STUCKD_SENSOR_WIRE_H
#define STUCKD_SENSOR_WIRE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

typedef __u64 mono_us_t;   /* microseconds, CLOCK_MONOTONIC */
typedef __u64 real_us_t;   /* microseconds, CLOCK_REALTIME */
typedef __u64 boot_us_t;   /* microseconds, CLOCK_BOOTTIME */
typedef __u64 jiffies64_t; /* kernel jiffies, 64 bits */
typedef __u64 opaque64_t;  /* an identifier: compared, never computed with */

#define SENSOR_MAGIC 0x31646b6375747321ULL /* "!stuckd1", little endian */
#define SENSOR_RECORD_MAX 1024             /* no record is larger; checked before anything is allocated */

/* Records, sensor to daemon. Values are stable; new kinds are appended. */
enum record_kind {
	RECORD_HELLO = 1,     /* first record: who I am, which layout, which clocks */
	RECORD_PROGRAM = 2,   /* one per BPF program, after attaching */
	RECORD_READY = 3,     /* all programs are attached or given up; records follow */
	RECORD_FAILURE = 4,   /* the sensor cannot go on; it exits after this record */
	RECORD_CLOCK = 5,     /* all clocks at one instant: before RECORD_READY, and after every sweep */
	RECORD_PASS = 6,      /* begin or end of a pass */
	RECORD_SOCKET = 7,    /* one socket as the kernel sees it now */
	RECORD_PROCESS = 8,   /* one process that holds a reported socket */
	RECORD_HOLDER = 9,    /* one descriptor of a reported socket */
	RECORD_COUNTERS = 10, /* the sensor's own health, after every sweep */
	RECORD_FEATURE = 11,  /* one per thing that differs between kernels; before RECORD_READY */
	RECORD_INTEREST = 12, /* what was counted of one interest; at the end of a sweep, before its PASS_END */
	RECORD_HOLDING = 13,  /* how many connections one process has; at the end of a sweep, before its PASS_END */
	RECORD_MODE = 14,     /* how this sensor observes, and why not better; before RECORD_READY */
	RECORD_REACH = 15,    /* polling: what a sweep could not look into; before its PASS_END */
	RECORD_POLLED = 16,   /* polling: one socket as sock_diag tells of it, in place of RECORD_SOCKET */
};

/* Commands, daemon to sensor. */
enum command_kind {
	COMMAND_CONFIGURE = 101, /* thresholds and intervals; the first one lets the sensor attach */
	COMMAND_PASS = 102,      /* run a pass as soon as possible */
	COMMAND_WATCH = 103,     /* report this socket in the next sweeps even if it looks healthy */
	COMMAND_UNWATCH = 104,
	COMMAND_COUNT = 105, /* count this interest in the next sweeps */
	COMMAND_UNCOUNT = 106,
};

/* What is counted, while something of it is stuck: `interest_command.interest_kind`. */
enum interest_kind {
	INTEREST_PEER = 1,     /* connections to a remote address and port, and what becomes of new ones */
	INTEREST_LISTENER = 2, /* connections that came in on a local port */
	INTEREST_PROCESS = 3,  /* a process: whether it lives, and how many connections it has */
};

/* Why a socket record was written: `record_header.cause`. */
enum socket_cause {
	CAUSE_RETRANSMIT = 1,     /* the RTO count crossed its threshold (tcp_retransmit_skb) */
	CAUSE_KEEPALIVE = 2,      /* keepalive timer ran with unanswered probes; raised before the next probe */
	CAUSE_STATE = 3,          /* inet_sock_set_state, before the store: old_state -> state */
	CAUSE_ERROR = 4,          /* inet_sk_error_report: sk_err is what the application gets, 0 if it has read it */
	CAUSE_RESET_RECEIVED = 5, /* tcp_receive_reset, before the state changes */
	CAUSE_RESET_SENT = 6,     /* tcp_send_reset */
	CAUSE_CONGESTION = 7,     /* tcp_cong_state_set away from Loss */
	CAUSE_DESTROY = 8,        /* tcp_destroy_sock: nothing follows for this socket */
	CAUSE_REFRESH = 9,        /* visited by a refresh pass, and changed since the last report */
	CAUSE_SWEEP = 10,         /* visited by a sweep pass */
	CAUSE_IDLE_CLOSE = 11,    /* the peer closed an idle outbound connection (inet_sock_set_state); not marked */
	CAUSE_AUDIT = 12,         /* visited by an audit; not marked, and written once for each of its descriptors */
};

/* `record_header.cause` of RECORD_PASS. */
enum pass_edge { PASS_BEGIN = 1, PASS_END = 2 };

enum pass_kind {
	PASS_REFRESH = 1,      /* the marked sockets, all namespaces; reports those that changed */
	PASS_SWEEP = 2,        /* every descriptor of every process; owners, and sockets that raised no event */
	PASS_REFRESH_FULL = 3, /* as refresh, reporting all: who is missing afterwards is gone */
	PASS_AUDIT = 4,        /* every descriptor of every process; established connections, in pieces */
};

/* `socket_record.flags`. */
enum socket_flag {
	SOCKET_DEAD = 1 << 0,        /* SOCK_DEAD: no descriptor refers to it any more */
	SOCKET_KEEPALIVE = 1 << 1,   /* SO_KEEPALIVE (SOCK_KEEPOPEN) */
	SOCKET_HAS_SOCKET = 1 << 2,  /* sk_socket is set; unset: orphan, or not accepted yet */
	SOCKET_HAS_FILE = 1 << 3,    /* sk_socket->file is set; unset with HAS_SOCKET: a kernel socket */
	SOCKET_INBOUND = 1 << 4,     /* the local port belongs to a listener of this namespace */
	SOCKET_USEC_STAMPS = 1 << 5, /* retrans_stamp is in microseconds (tcp_usec_ts) */
	SOCKET_CLEARED = 1 << 6,     /* refresh: no longer suspect; the kernel side forgot it with this record */
	SOCKET_WRITE_TIMER_PENDING = 1 << 7,
	SOCKET_KEEPALIVE_TIMER_PENDING = 1 << 8,
	SOCKET_RESET_RECEIVED = 1 << 9,  /* a RST from the peer was accepted earlier */
	SOCKET_CLOSER_EXITING = 1 << 10, /* closer_tgid was exiting as it closed */
	SOCKET_THIN_LTO = 1 << 11,
	SOCKET_TLP_RETRANS = 1 << 12,   /* the outstanding tail loss probe was a retransmission */
	SOCKET_HAS_RTO_STAMP = 1 << 13, /* kernel >= 6.7: rto_stamp_ms and total_rto are real */
	SOCKET_UNTRUSTED = 1 << 14,     /* read through a timer: cookie may be 0, and it is not marked */
	SOCKET_RESET_SENT = 1 << 15,    /* the kernel sent a RST earlier */
};

/* `configure_command.conditions`: what sweeps report although no counter of the socket stands out. */
enum condition {
	CONDITION_WINDOW_CLOSED = 1 << 0, /* window probes, or a window that shrank to zero with data in flight */
	CONDITION_CLOSE_WAIT = 1 << 1,
	CONDITION_FIN_WAIT2 = 1 << 2,    /* held by a process */
	CONDITION_UNREAD = 1 << 3,       /* received data that has been waiting for unread_age_ms */
	CONDITION_ZOMBIE = 1 << 4,       /* closed by an error that the application has not fetched */
	CONDITION_ACCEPT_QUEUE = 1 << 5, /* a listener with a full accept queue */
	CONDITION_HANDSHAKES = 1 << 6,   /* a listener with retransmitted SYN-ACKs */
	CONDITION_STALE_REUSE = 1 << 7,  /* events: a RST for what was sent after idle_gap_ms; FINs after that */
};

enum program_status { PROGRAM_ATTACHED = 1, PROGRAM_MISSED = 2 };

/* `failure_record.code`. */
enum failure_code {
	FAILURE_PRIVILEGE = 1, /* CAP_BPF or CAP_PERFMON is missing, or BPF is locked down */
	FAILURE_BTF = 2,       /* no kernel BTF */
	FAILURE_LOAD = 3,      /* the kernel is too old, or refused a program that we cannot do without */
	FAILURE_ATTACH = 4,
	FAILURE_PROTOCOL = 5, /* the daemon sent something that cannot be read, or another layout */
	FAILURE_INTERNAL = 6,
};

struct record_header {
	__u32 size;
	__u16 kind;
	__u16 cause;
};

struct hello_record {
	struct record_header header;
	opaque64_t magic;
	opaque64_t layout_hash;
	__u32 hz;
	__u32 pid;
	__u32 capabilities_low;  /* effective set, bits 0-31 */
	__u32 capabilities_high; /* bits 32-63: CAP_PERFMON is 38, CAP_BPF 39 */
	char version[32];
	char kernel_release[64];
	char machine[16];
	char boot_id[40];
};

struct program_record {
	struct record_header header;
	__u32 status;   /* enum program_status */
	__u32 error;    /* errno, 0 if attached */
	__u32 required; /* 1: the sensor does not run without it */
	__u32 _pad;
	char name[48];
	char how[208];  /* how it works here, or why it does not */
	char loss[104]; /* what stuckd cannot do without it */
};

/* Something that not every kernel has, or has elsewhere. */
struct feature_record {
	struct record_header header;
	__u32 available; /* 1 or 0 */
	__u32 _pad;
	char name[48];
	char how[208];  /* where it was found, or what serves in its place */
	char loss[104]; /* what stuckd cannot do without it */
};

struct ready_record {
	struct record_header header;
	mono_us_t mono_us;
	__u32 attached;
	__u32 missed;
};

struct failure_record {
	struct record_header header;
	__u32 code;  /* enum failure_code */
	__u32 error; /* errno */
	char message[432];
};

struct clock_record {
	struct record_header header;
	mono_us_t mono_us;
	real_us_t real_us;
	boot_us_t boot_us;
	jiffies64_t jiffies;
	mono_us_t jiffy_edge_us; /* CLOCK_MONOTONIC at which `jiffies` began: the phase of the tick */
};

struct pass_record {
	struct record_header header; /* cause: enum pass_edge */
	mono_us_t mono_us;
	__u64 duration_us; /* 0 at the beginning */
	__u32 pass_id;
	__u32 pass_kind;   /* enum pass_kind */
	__u32 sockets;     /* TCP sockets visited; one that n processes share counts n times */
	__u32 connections; /* of these, neither listening nor closed; audit: established */
	__u32 reported;    /* socket records written */
	__u32 processes;   /* sweep, audit: processes that hold a TCP socket */
	__u32 error;       /* errno that cut the pass short, 0 if it is complete */
	__u32 marked;      /* refresh: sockets that stay under observation */
	__u64 cpu_us;      /* CPU time that it took; 0 for an audit, which is run piece by piece between other passes */
	__u32 budget_interval_ms; /* sweep, polled refresh: until the next one, as its share of a core wants it; it may be less than configured */
	__u32 _pad;
};

struct socket_record {
	struct record_header header; /* cause: enum socket_cause */
	mono_us_t mono_us;
	jiffies64_t jiffies;
	opaque64_t cookie; /* 0: the kernel has not given it one yet */
	__u64 cgroup_id;   /* of the creator of the socket */
	__u64 bytes_sent;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 netns;   /* inode of the network namespace */
	__u32 pass_id; /* the pass that visited it, 0 for an event */
	__u8 local_address[16];
	__u8 remote_address[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 flags;      /* enum socket_flag */
	__u8 state;       /* TCP_*; for CAUSE_STATE the new one */
	__u8 old_state;   /* CAUSE_STATE only */
	__u8 ca_state;    /* icsk_ca_state; for CAUSE_CONGESTION the old one */
	__u8 pending;     /* icsk_pending: 1 RTO, 3 persist, 5 TLP, 6 RACK */
	__u8 retransmits; /* icsk_retransmits: consecutive RTOs */
	__u8 backoff;
	__u8 probes_out;
	__u8 syn_retries; /* TCP_SYNCNT, 0: sysctl */
	__u32 sk_err;
	__u32 sk_err_soft;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 packets_out;
	__u32 snd_wnd;
	__u32 rcv_wnd;
	__u32 rto_jiffies;
	__u32 rto_min_jiffies;
	__u32 rto_max_jiffies; /* 0: this kernel has the constant 120 s */
	__u32 srtt_us;         /* smoothed, already divided by 8 */
	__u32 rttvar_us;
	__u32 user_timeout_ms;
	__u32 retrans_stamp; /* ms, or us with SOCKET_USEC_STAMPS; first retransmission of the episode */
	__u32 rto_stamp_ms;  /* first RTO of the episode */
	__u32 total_rto;
	__u32 total_retrans;
	__u32 segs_out;
	__u32 data_segs_out;
	__u32 data_segs_in;
	__u32 rcv_tstamp_jiffies32; /* last acceptable ACK */
	__u32 lrcvtime_jiffies32;   /* last data received */
	__u32 lsndtime_jiffies32;   /* last data sent, retransmissions included */
	__u32 probes_tstamp_jiffies32;
	__u32 write_timer_expires_jiffies32;
	__u32 write_timer_flags;
	__u32 keepalive_timer_expires_jiffies32;
	__u32 keepalive_timer_flags;
	__u32 keepalive_time_jiffies; /* per socket, 0: sysctl */
	__u32 keepalive_intvl_jiffies;
	__s32 linger2_jiffies;
	__u32 snd_ssthresh;
	__u32 uid;
	__u32 sacked_out;       /* segments in flight that the peer holds already (SACK) */
	__u32 mss;              /* bytes of data in a full segment (mss_cache) */
	__s32 retransmit_error; /* of the last retransmission, Linux 6.17: 0 sent, -errno or >0 dropped on this host */
	__u32 receive_queue_bytes;  /* sk_rmem_alloc: memory of what was received and not read */
	__u32 receive_buffer_bytes; /* sk_rcvbuf */
	__u32 ack_backlog;          /* listener: established connections that wait for accept() */
	__u32 max_ack_backlog;      /* listener: as many as listen() allowed */
	__u32 syn_queue;            /* listener: handshakes that are not complete */
	__u32 syn_queue_young;      /* listener: of these, those whose SYN-ACK was sent once only */
	__u32 closer_tgid;          /* who closed it, where the transition is known to be the closer's own; else 0 */
	__u32 sysctl_keepalive_time_jiffies;
	__u32 sysctl_keepalive_intvl_jiffies;
	__u32 sysctl_fin_timeout_jiffies;
	__u8 keepalive_probes; /* per socket, 0: sysctl */
	__u8 sysctl_keepalive_probes;
	__u8 sysctl_retries1;
	__u8 sysctl_retries2;
	__u8 sysctl_orphan_retries;
	__u8 sysctl_syn_retries;
	__u8 sysctl_syn_linear_timeouts;
	__u8 sysctl_early_retrans;
	__u8 sysctl_thin_linear_timeouts;
	__u8 shutdown; /* sk_shutdown: 1 no more reads, 2 no more writes */
	__u8 _pad[2];
};

struct process_record {
	struct record_header header;
	boot_us_t start_boot_us;
	__u64 cgroup_id;
	__u32 tgid; /* as the sensor's pid namespace sees it; that must be the host's */
	__u32 parent_tgid;
	__u32 uid;
	__u32 pass_id;
	char comm[16];
	char executable[256]; /* path, or the last component if the path is not to be had */
};

struct holder_record {
	struct record_header header;
	opaque64_t cookie;
	boot_us_t start_boot_us;
	__u32 netns;
	__u32 tgid;
	__u32 fd;
	__u32 pass_id;
};

struct counters_record {
	struct record_header header;
	__u64 ring_dropped;     /* records that found the ring buffer full */
	__u64 events;           /* records written by events */
	__u64 mark_failed;      /* sockets that could not be marked */
	__u64 retransmits_seen; /* RTO retransmissions at or above the threshold */
	__u64 keepalive_seen;   /* keepalive timer expiries with unanswered probes */
	__u64 watch_rejected;   /* watch commands that found the table full */
	__u64 count_rejected;   /* count commands that found the table full */
	__u64 holdings_dropped; /* connections that were not counted for their process, as the table was full */
};

/* The totals of one interest of kind INTEREST_PEER or INTEREST_LISTENER. */
struct interest_record {
	struct record_header header;
	__u64 succeeded;           /* peer: handshakes of new connections that were completed, since it is counted */
	__u64 failed;              /* peer: new connections that were refused, unreachable or not answered */
	mono_us_t last_success_us; /* 0: none */
	mono_us_t last_failure_us; /* 0: none */
	__u32 interest_id;
	__u32 connections;       /* held by processes; one that several processes share counts once */
	__u32 connecting;        /* of these, not established yet */
	__u32 heard_age_jiffies; /* since the last ACK on any of the others; 2^32 - 1: there are none */
	__u32 pass_id;
	__u32 _pad;
};

struct holding_record {
	struct record_header header;
	boot_us_t start_boot_us;
	__u32 tgid;
	__u32 interest_id; /* of these connections; 0: all TCP connections of the process */
	__u32 connections; /* one with several descriptors counts once */
	__u32 pass_id;
};

#include "polled_wire.h"
struct configure_command {
	struct record_header header;
	opaque64_t layout_hash;
	__u32 rto_threshold;   /* consecutive RTOs from which on an established socket is reported; 1-255 */
	__u32 syn_threshold;   /* SYN retransmissions; 1-255 */
	__u32 probe_threshold; /* unanswered keepalive probes; 1-255 */
	__u32 refresh_interval_ms;
	__u32 sweep_interval_ms;
	__u32 full_refresh_interval_ms;
	__u32 conditions;             /* enum condition */
	__u32 window_probe_threshold; /* unanswered window probes; 1-255 */
	__u32 handshake_threshold;    /* retransmitted SYN-ACKs of one listener; at least 1 */
	__u32 unread_age_ms;
	__u32 idle_gap_ms;       /* shortest idle time after which a RST or FIN says something about reuse */
	__u32 sweep_cpu_max_ppm; /* what sweeps that nobody asks for may take of one core, in millionths; 1-1000000 */
};

struct pass_command {
	struct record_header header;
	__u32 pass_kind;
	__u32 report_max; /* audit: descriptors that it reports; beyond, it only counts them. Else 0 */
};

struct watch_command {
	struct record_header header;
	opaque64_t cookie;
};

/* COMMAND_COUNT and COMMAND_UNCOUNT. */
struct interest_command {
	struct record_header header;
	__u8 address[16];    /* of a peer; else 0 */
	__u32 interest_kind; /* enum interest_kind */
	__u32 number;        /* port, or process id */
	__u32 interest_id;   /* of the daemon's choice, not 0: names it in records */
	__u32 netns;         /* of a peer with a loopback address, which is another one in each; else 0 */
};

#endif
