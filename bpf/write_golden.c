/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Writes one record of every kind and every command, as this compiler lays them out, into a directory: NAME.hex, 16
 * bytes a line. test/unit/wire/ decodes them, so that the TypeScript side is proven against bytes that C wrote.
 *
 * Every field has a value that is not zero and that no other field of its struct and width has; the tests check that
 * too, so a new field that is forgotten here fails them. Bytes within a value differ, to show a wrong byte order; high
 * bits are set, to show a wrong sign. Padding is filled, to show that nobody reads it.
 *
 * Usage: write_golden DIRECTORY. Exit codes: 0 done, 1 a file cannot be written, 2 wrong usage.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sensor_wire.h"
#include "layout_hash.h"

#define HEADER(type, kind_, cause_)                                             \
	{                                                                       \
		.size = sizeof(struct type), .kind = (kind_), .cause = (cause_) \
	}

#include "golden_polled.h"

static const struct hello_record hello = {
	.header = HEADER(hello_record, RECORD_HELLO, 0),
	.magic = SENSOR_MAGIC,
	.layout_hash = SENSOR_LAYOUT_HASH,
	.hz = 0xa0b0c001,
	.pid = 0xa0b0c002,
	.capabilities_low = 0xa0b0c003,
	.capabilities_high = 0xa0b0c004,
	.version = "1.2.3-golden",
	.kernel_release = "6.18.0-golden",
	.machine = "x86_64",
	.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
};

static const struct program_record program = {
	.header = HEADER(program_record, RECORD_PROGRAM, 0),
	.status = PROGRAM_MISSED,
	.error = 0xa0b0c001,
	.required = 0xa0b0c002,
	._pad = 0xeeeeeeee,
	.name = "tcp_retransmit_skb",
	.how = "this kernel has no such tracepoint",
	.loss = "retransmissions are seen by sweeps only",
};

static const struct ready_record ready = {
	.header = HEADER(ready_record, RECORD_READY, 0),
	.mono_us = 0x0011223344556601,
	.attached = 0xa0b0c001,
	.missed = 0xa0b0c002,
};

static const struct failure_record failure = {
	.header = HEADER(failure_record, RECORD_FAILURE, 0),
	.code = FAILURE_ATTACH,
	.error = 0xa0b0c001,
	.message = "cannot attach anything",
};

static const struct clock_record clocks = {
	.header = HEADER(clock_record, RECORD_CLOCK, 0),
	.mono_us = 0x0011223344556601,
	.real_us = 0x0011223344556602,
	.boot_us = 0x0011223344556603,
	.jiffies = 0x0011223344556604,
	.jiffy_edge_us = 0x0011223344556605,
};

static const struct pass_record pass = {
	.header = HEADER(pass_record, RECORD_PASS, PASS_END),
	.mono_us = 0x0011223344556601,
	.duration_us = 0x0011223344556602,
	.pass_id = 0xa0b0c001,
	.pass_kind = PASS_SWEEP,
	.sockets = 0xa0b0c002,
	.connections = 0xa0b0c003,
	.reported = 0xa0b0c004,
	.processes = 0xa0b0c005,
	.error = 0xa0b0c006,
	.marked = 0xa0b0c007,
	.cpu_us = 0x0011223344556603,
	.budget_interval_ms = 0xa0b0c008,
	._pad = 0xeeeeeeee,
};

static const struct socket_record socket_state = {
	.header = HEADER(socket_record, RECORD_SOCKET, CAUSE_STATE),
	.mono_us = 0x0011223344556601,
	.jiffies = 0x0011223344556602,
	.cookie = 0xfedcba9876543201,
	.cgroup_id = 0xfedcba9876543202,
	.bytes_sent = 0x0011223344556603,
	.bytes_acked = 0x0011223344556604,
	.bytes_received = 0x0011223344556605,
	.netns = 0xa0b0c001,
	.pass_id = 0xa0b0c002,
	.local_address = {[10] = 0xff, 0xff, 192, 0, 2, 33},
	.remote_address = {0x20, 0x01, 0x0d, 0xb8, [7] = 1, [14] = 0xab, 0xcd},
	.local_port = 0xc001,
	.remote_port = 0xc002,
	.flags = SOCKET_KEEPALIVE | SOCKET_HAS_FILE | SOCKET_WRITE_TIMER_PENDING | SOCKET_RESET_SENT,
	.state = 0x81,
	.old_state = 0x82,
	.ca_state = 0x83,
	.pending = 0x84,
	.retransmits = 0x85,
	.backoff = 0x86,
	.probes_out = 0x87,
	.syn_retries = 0x88,
	.sk_err = 0xa0b0c003,
	.sk_err_soft = 0xa0b0c004,
	.snd_una = 0xa0b0c005,
	.snd_nxt = 0xa0b0c006,
	.write_seq = 0xa0b0c007,
	.rcv_nxt = 0xa0b0c008,
	.copied_seq = 0xa0b0c009,
	.packets_out = 0xa0b0c00a,
	.snd_wnd = 0xa0b0c00b,
	.rcv_wnd = 0xa0b0c00c,
	.rto_jiffies = 0xa0b0c00d,
	.rto_min_jiffies = 0xa0b0c00e,
	.rto_max_jiffies = 0xa0b0c00f,
	.srtt_us = 0xa0b0c010,
	.rttvar_us = 0xa0b0c011,
	.user_timeout_ms = 0xa0b0c012,
	.retrans_stamp = 0xa0b0c013,
	.rto_stamp_ms = 0xa0b0c014,
	.total_rto = 0xa0b0c015,
	.total_retrans = 0xa0b0c016,
	.segs_out = 0xa0b0c017,
	.data_segs_out = 0xa0b0c018,
	.data_segs_in = 0xa0b0c019,
	.rcv_tstamp_jiffies32 = 0xa0b0c01a,
	.lrcvtime_jiffies32 = 0xa0b0c01b,
	.lsndtime_jiffies32 = 0xa0b0c01c,
	.probes_tstamp_jiffies32 = 0xa0b0c01d,
	.write_timer_expires_jiffies32 = 0xa0b0c01e,
	.write_timer_flags = 0xa0b0c01f,
	.keepalive_timer_expires_jiffies32 = 0xa0b0c020,
	.keepalive_timer_flags = 0xa0b0c021,
	.keepalive_time_jiffies = 0xa0b0c022,
	.keepalive_intvl_jiffies = 0xa0b0c023,
	.linger2_jiffies = -0x01020304,
	.snd_ssthresh = 0xa0b0c024,
	.uid = 0xa0b0c025,
	.sacked_out = 0xa0b0c02a,
	.mss = 0xa0b0c02b,
	.retransmit_error = -113,
	.receive_queue_bytes = 0xa0b0c02c,
	.receive_buffer_bytes = 0xa0b0c02d,
	.ack_backlog = 0xa0b0c02e,
	.max_ack_backlog = 0xa0b0c02f,
	.syn_queue = 0xa0b0c030,
	.syn_queue_young = 0xa0b0c031,
	.closer_tgid = 0xa0b0c026,
	.sysctl_keepalive_time_jiffies = 0xa0b0c027,
	.sysctl_keepalive_intvl_jiffies = 0xa0b0c028,
	.sysctl_fin_timeout_jiffies = 0xa0b0c029,
	.keepalive_probes = 0x89,
	.sysctl_keepalive_probes = 0x8a,
	.sysctl_retries1 = 0x8b,
	.sysctl_retries2 = 0x8c,
	.sysctl_orphan_retries = 0x8d,
	.sysctl_syn_retries = 0x8e,
	.sysctl_syn_linear_timeouts = 0x8f,
	.sysctl_early_retrans = 0x90,
	.sysctl_thin_linear_timeouts = 0x91,
	.shutdown = 0x92,
	._pad = {0xee, 0xee},
};

static const struct process_record process = {
	.header = HEADER(process_record, RECORD_PROCESS, 0),
	.start_boot_us = 0x0011223344556601,
	.cgroup_id = 0xfedcba9876543201,
	.tgid = 0xa0b0c001,
	.parent_tgid = 0xa0b0c002,
	.uid = 0xa0b0c003,
	.pass_id = 0xa0b0c004,
	.comm = "golden-process!", /* 15 bytes, the most that the kernel keeps */
	.executable = "/opt/caf\xc3\xa9/bin/node",
};

static const struct holder_record holder = {
	.header = HEADER(holder_record, RECORD_HOLDER, 0),
	.cookie = 0xfedcba9876543201,
	.start_boot_us = 0x0011223344556601,
	.netns = 0xa0b0c001,
	.tgid = 0xa0b0c002,
	.fd = 0xa0b0c003,
	.pass_id = 0xa0b0c004,
};

static const struct counters_record counters = {
	.header = HEADER(counters_record, RECORD_COUNTERS, 0),
	.ring_dropped = 0x0011223344556601,
	.events = 0x0011223344556602,
	.mark_failed = 0x0011223344556603,
	.retransmits_seen = 0x0011223344556604,
	.keepalive_seen = 0x0011223344556605,
	.watch_rejected = 0x0011223344556606,
	.count_rejected = 0x0011223344556607,
	.holdings_dropped = 0x0011223344556608,
};

static const struct interest_record interest = {
	.header = HEADER(interest_record, RECORD_INTEREST, 0),
	.succeeded = 0x0011223344556601,
	.failed = 0x0011223344556602,
	.last_success_us = 0x0011223344556603,
	.last_failure_us = 0x0011223344556604,
	.interest_id = 0xa0b0c001,
	.connections = 0xa0b0c002,
	.connecting = 0xa0b0c003,
	.heard_age_jiffies = 0xa0b0c004,
	.pass_id = 0xa0b0c005,
	._pad = 0xeeeeeeee,
};

static const struct holding_record holding = {
	.header = HEADER(holding_record, RECORD_HOLDING, 0),
	.start_boot_us = 0x0011223344556601,
	.tgid = 0xa0b0c001,
	.interest_id = 0xa0b0c002,
	.connections = 0xa0b0c003,
	.pass_id = 0xa0b0c004,
};

static const struct feature_record feature = {
	.header = HEADER(feature_record, RECORD_FEATURE, 0),
	.available = 0xa0b0c001,
	._pad = 0xeeeeeeee,
	.name = "RTO limit",
	.how = "icsk_rto_max",
	.loss = "the limit is taken to be 120 s",
};

/* Commands hold values in their ranges, as the encoder refuses others. */
static const struct configure_command configure = {
	.header = HEADER(configure_command, COMMAND_CONFIGURE, 0),
	.layout_hash = SENSOR_LAYOUT_HASH,
	.rto_threshold = 253,
	.syn_threshold = 254,
	.probe_threshold = 255,
	.refresh_interval_ms = 0x0030c001,
	.sweep_interval_ms = 0x0030c002,
	.full_refresh_interval_ms = 0x0030c003,
	.conditions = CONDITION_WINDOW_CLOSED,
	.window_probe_threshold = 252,
	.handshake_threshold = 0xa0b0c002,
	.unread_age_ms = 0x0030c004,
	.idle_gap_ms = 0x0030c005,
	.sweep_cpu_max_ppm = 0x000bc001,
};

static const struct pass_command pass_command = {
	.header = HEADER(pass_command, COMMAND_PASS, 0),
	.pass_kind = PASS_AUDIT,
	.report_max = 0x01020304,
};

static const struct watch_command watch = {
	.header = HEADER(watch_command, COMMAND_WATCH, 0),
	.cookie = 0xfedcba9876543201,
};

static const struct watch_command unwatch = {
	.header = HEADER(watch_command, COMMAND_UNWATCH, 0),
	.cookie = 0xfedcba9876543202,
};

static const struct interest_command count = {
	.header = HEADER(interest_command, COMMAND_COUNT, 0),
	.address = {0x20, 0x01, 0x0d, 0xb8, [7] = 1, [14] = 0xab, 0xcd},
	.interest_kind = INTEREST_PEER,
	.number = 0xc001,
	.interest_id = 0xa0b0c001,
	.netns = 0xf0003002,
};

static const struct interest_command uncount = {
	.header = HEADER(interest_command, COMMAND_UNCOUNT, 0),
	.address = {[10] = 0xff, 0xff, 127, 0, 2, 33},
	.interest_kind = INTEREST_PEER,
	.number = 0xc002,
	.interest_id = 0xa0b0c002,
	.netns = 0xf0003001,
};

static int write_hex(const char *directory, const char *name, const void *bytes, size_t size)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s.hex", directory, name) >= (int)sizeof(path)) {
		fprintf(stderr, "write_golden: the path of %s.hex is too long\n", name);
		return -1;
	}
	FILE *file = fopen(path, "w");
	if (!file) {
		perror(path);
		return -1;
	}
	for (size_t i = 0; i < size; i++)
		fprintf(file, "%02x%c", ((const unsigned char *)bytes)[i], i % 16 == 15 || i + 1 == size ? '\n' : ' ');
	int failed = ferror(file);
	if (fclose(file) != 0 || failed) {
		fprintf(stderr, "write_golden: %s cannot be written\n", path);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: write_golden DIRECTORY\n");
		return 2;
	}
	const struct {
		const char *name;
		const void *bytes;
		size_t size;
	} files[] = {
		{"hello", &hello, sizeof(hello)},
		{"program", &program, sizeof(program)},
		{"ready", &ready, sizeof(ready)},
		{"failure", &failure, sizeof(failure)},
		{"clock", &clocks, sizeof(clocks)},
		{"pass", &pass, sizeof(pass)},
		{"socket", &socket_state, sizeof(socket_state)},
		{"process", &process, sizeof(process)},
		{"holder", &holder, sizeof(holder)},
		{"counters", &counters, sizeof(counters)},
		{"feature", &feature, sizeof(feature)},
		{"interest", &interest, sizeof(interest)},
		{"holding", &holding, sizeof(holding)},
		{"mode", &mode, sizeof(mode)},
		{"reach", &reach, sizeof(reach)},
		{"polled", &polled, sizeof(polled)},
		{"command-configure", &configure, sizeof(configure)},
		{"command-pass", &pass_command, sizeof(pass_command)},
		{"command-watch", &watch, sizeof(watch)},
		{"command-unwatch", &unwatch, sizeof(unwatch)},
		{"command-count", &count, sizeof(count)},
		{"command-uncount", &uncount, sizeof(uncount)},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (write_hex(argv[1], files[i].name, files[i].bytes, files[i].size))
			return 1;
	}
	return 0;
}
