/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Part of sensor_wire.h, which includes it: the records of a sensor that polls, and the one that says whether it does. */
#ifndef STUCKD_POLLED_WIRE_H
#define STUCKD_POLLED_WIRE_H

/* `mode_record.mode`. */
enum sensor_mode {
	MODE_EBPF = 1,    /* events, iterators, every field of every socket */
	MODE_POLLING = 2, /* sock_diag over netlink and /proc: no event, fewer facts, namespaces that can be entered */
};

/* Written once; in MODE_POLLING feature records then say what is not known that way. */
struct mode_record {
	struct record_header header;
	__u32 mode;       /* enum sensor_mode */
	__u32 code;       /* enum failure_code: why it does not use BPF; 0 if it does, or was told not to */
	char reason[432]; /* the same in words; empty if it uses BPF */
};

/*
 * One socket as sock_diag tells of it: struct inet_diag_msg and struct tcp_info (linux/inet_diag.h, linux/tcp.h), in their
 * units. What a kernel does not know yet is 0; `info_size` tells whether a field of tcp_info is real.
 *
 * Of a socket that the kernel has ended, `info_size` is 0, and what is not named here is what was seen last: with `state`
 * TCP_CLOSE and its `inode` as long as a process has not closed its descriptor; with CAUSE_DESTROY and `inode` 0 when it is gone.
 * Then `state` is TCP_TIME_WAIT, and `bytes_acked` grown by what was sent, if its peer had acknowledged all, the FIN too.
 */
struct polled_record {
	struct record_header header; /* cause: CAUSE_REFRESH, CAUSE_SWEEP, CAUSE_DESTROY */
	mono_us_t mono_us;           /* when the kernel's answer was read */
	opaque64_t cookie;
	__u64 cgroup_id; /* INET_DIAG_CGROUP_ID; 0: this kernel does not tell */
	__u64 bytes_sent;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 netns;
	__u32 pass_id;
	__u8 local_address[16];
	__u8 remote_address[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 flags;     /* enum socket_flag: SOCKET_INBOUND, SOCKET_CLEARED */
	__u32 inode;     /* of the socket file; 0: orphan, or not accepted yet */
	__u32 info_size; /* bytes of struct tcp_info that the kernel gave; 0: none */
	__u8 state;
	__u8 timer;   /* idiag_timer: 0 none, 1 retransmission, 2 keepalive, 3 TIME_WAIT, 4 window probes */
	__u8 retrans; /* idiag_retrans: retransmissions or probes of that timer */
	__u8 ca_state;
	__u8 retransmits;
	__u8 probes;
	__u8 backoff;
	__u8 shutdown;       /* INET_DIAG_SHUTDOWN */
	__u32 expires_ms;    /* idiag_expires: until the timer acts */
	__u32 receive_queue; /* idiag_rqueue: bytes not read; of a listener, connections that wait for accept() */
	__u32 send_queue;    /* idiag_wqueue: bytes not acknowledged; of a listener, how many may wait */
	__u32 notsent_bytes;
	__u32 unacked; /* segments */
	__u32 sacked;
	__u32 snd_mss;
	__u32 snd_wnd;
	__u32 rcv_wnd;
	__u32 snd_ssthresh;
	__u32 rto_us;
	__u32 srtt_us;
	__u32 rttvar_us;
	__u32 last_data_sent_ms; /* ages */
	__u32 last_data_recv_ms;
	__u32 last_ack_recv_ms;
	__u32 total_retrans;
	__u32 segs_out;
	__u32 data_segs_out;
	__u32 data_segs_in;
	__u32 total_rto;
	__u32 total_rto_recoveries;
	__u32 total_rto_time_ms;
	__u32 receive_memory_bytes; /* INET_DIAG_SKMEMINFO: rmem_alloc and rcvbuf */
	__u32 receive_buffer_bytes;
	__u32 syn_queue;       /* of a listener: handshakes that are not complete, as counted by the sensor */
	__u32 syn_queue_young; /* of these, those whose SYN-ACK was sent once only */
	__u32 uid;
	__u32 sysctl_keepalive_time_s; /* sysctls of its namespace, read from /proc/sys/net/ipv4; 0: not to be had */
	__u32 sysctl_keepalive_intvl_s;
	__u32 sysctl_fin_timeout_s;
	__u8 sysctl_keepalive_probes;
	__u8 sysctl_retries1;
	__u8 sysctl_retries2;
	__u8 sysctl_orphan_retries;
	__u8 sysctl_syn_retries;
	__u8 sysctl_syn_linear_timeouts;
	__u8 sysctl_early_retrans;
	__u8 sysctl_thin_linear_timeouts;
	__u8 has_sysctls; /* 1: they were read, so that a 0 is one */
	__u8 _pad[3];
};

/* What the sweep that ends now could not look into. */
struct reach_record {
	struct record_header header;
	__u32 namespaces;        /* network namespaces that were polled */
	__u32 closed_namespaces; /* known, and not to be entered */
	__u32 closed_processes;  /* whose descriptors must not be read: their sockets have no owner */
	__u32 pass_id;
};

#endif
