/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Maps and globals of the sensor. Globals in .bss are shared with user space by mmap. */
#ifndef STUCKD_MAPS_BPF_H
#define STUCKD_MAPS_BPF_H

#include "interests.h"

/*
 * State of a socket under observation. It lives and dies with the socket. Only sockets that crossed a threshold have
 * one (317 bytes of kernel memory each), so that a healthy node pays nothing.
 */
struct mark {
	/* What was reported last, to stay silent while nothing changes. */
	__u32 snd_una;
	__u32 write_seq;
	__u32 rcv_tstamp;
	__u32 timer_expires;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u8 state;
	__u8 retransmits;
	__u8 probes_out;
	__u8 dead;
	__u32 conditions; /* enum condition: why it is observed although no counter stands out */
	/* What happened before, and cannot be read from the socket later. */
	__u32 flags; /* SOCKET_RESET_RECEIVED, SOCKET_RESET_SENT, SOCKET_CLOSER_EXITING */
	__u32 closer_tgid;
	__s32 retransmit_error;
	__u32 swept_pass;     /* the sweep that reported it: a socket with many descriptors is reported once */
	__u32 refreshed_pass; /* the refresh that visited it: see copy_refresh() in passes.c */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mark);
} marks SEC(".maps");

/*
 * 2 MiB hold some 6,000 records until the events thread takes them (events.c); when it is full, records are counted as
 * dropped and the next pass repairs it. All of it counts twice in the sensor's RSS, since a ring buffer is mapped two times
 * in a row.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
} ring SEC(".maps");

struct listener_key {
	__u32 netns;
	__u32 port;
};

struct listener {
	__u32 last_sweep; /* the number of the last sweep that saw it */
	__u32 last_second;
};

/*
 * Ports on which somebody listens, learnt by sweeps: the direction of a connection is not in the socket. The value says when
 * the listener was seen last, since ports change their use.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, struct listener);
} listeners SEC(".maps");

/* Cookies that the daemon asked for (COMMAND_WATCH), after a restart of this process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, __u8);
} watched SEC(".maps");

/*
 * Processes that closed a connection which is to be explained, and hold it no more: the next sweep tells who they are.
 * The value is the number of the last sweep before; user space takes them out again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} wanted SEC(".maps");

/* What is counted: see interests.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct interest_key);
	__type(value, struct interest);
} interests SEC(".maps");

/* What was counted by process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct holding_key);
	__type(value, struct holding);
} holdings SEC(".maps");

/* What must not be counted twice. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct counted);
} counted_sockets SEC(".maps");

/* Room for the records of one visited descriptor, written to the iterator's output in one go. */
struct sweep_output {
	struct process_record process;
	struct socket_record socket;
	struct holder_record holder;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sweep_output);
} scratch SEC(".maps");

/* Set by user space. Until it does, nothing crosses a threshold: programs are attached before the daemon has spoken. */
#define NEVER_CROSSED (~0u)
volatile __u32 rto_threshold = NEVER_CROSSED;
volatile __u32 syn_threshold = NEVER_CROSSED;
volatile __u32 probe_threshold = NEVER_CROSSED;
volatile __u32 window_probe_threshold = NEVER_CROSSED;
volatile __u32 handshake_threshold = NEVER_CROSSED;
volatile __u32 unread_age_jiffies;
volatile __u32 idle_gap_jiffies;
volatile __u32 conditions;  /* enum condition: those that the daemon wants to hear of */
volatile __u32 watch_count; /* entries in `watched`: skip the lookup while there are none */
/* Entries in `interests`, by kind: where nothing is stuck nothing is looked up. */
volatile __u32 peer_interest_count;
volatile __u32 listener_interest_count;
volatile __u32 process_interest_count;

/* State of the pass that is running; there is never more than one. */
volatile __u32 pass_id;
volatile __u32 pass_full;
volatile __u32 pass_audit;      /* it reports established connections, and nothing else */
volatile __u32 pass_report_max; /* an audit's: beyond so many reports it only counts */
volatile __u32 pass_counting;   /* there were interests as it began */
volatile __u32 sweep_count;     /* sweeps so far, the present one included */

/* Results of a pass; user space clears them before it starts one. */
volatile __u32 pass_sockets;
volatile __u32 pass_connections;
volatile __u32 pass_reported;
volatile __u32 pass_processes;
volatile __u32 pass_marked;
volatile __u32 pass_last_tgid;     /* the last process that was counted */
volatile __u32 pass_reported_tgid; /* the last process whose record was written */

/* The process that a sweep is counting, 0 for none. */
volatile __u32 counting_tgid;
volatile __u32 counting_connections;
volatile __u32 counting_wanted; /* its connections are to be told */
volatile __u64 counting_start_us;

/* A pair of clocks, renewed by every refresh. */
volatile __u64 clock_jiffies;
volatile __u64 clock_mono_ns;

/* Address of tcp_keepalive_timer(); 0 until a refresh or a sweep has met a TCP socket. */
volatile __u64 keepalive_timer_address;

/* enum kernel_field: what the programs found on this kernel; set by the first refresh. */
volatile __u32 kernel_fields;

/* This process: iterators run in it. */
volatile __u32 sensor_tgid;

/* Counters; written by several CPUs, so atomically. */
__u32 wanted_count; /* entries in `wanted`: skip the lookup while nobody is wanted */
__u64 ring_dropped;
__u64 events;
__u64 mark_failed;
__u64 retransmits_seen;
__u64 keepalive_seen;
__u64 holdings_dropped;

#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)

#endif
