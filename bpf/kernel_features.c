// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "kernel_features.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "kernel_fields.h"
#include "lockdown.h"
#include "tcp_sensor.skel.h"

/* A field that some kernels do not have. Where nothing is lost, there is nothing to read on such a kernel. */
struct field_feature {
	const char *name;
	enum kernel_field field;
	const char *with;    /* how it works where the field is there */
	const char *without; /* what serves in its place */
	const char *loss;
};

static const struct field_feature FIELD_FEATURES[] = {
	{"RTO limit", FIELD_RTO_MAX, "icsk_rto_max", "the constant 120 s (before Linux 6.15)",
	 "nothing, as kernels without it know no other limit"},
	{"RTO episode", FIELD_RTO_STAMP, "rto_stamp and total_rto",
	 "computed from the present RTO and its backoff (before Linux 6.7)",
	 "the start of a stuck connection is a bound, not exact"},
	{"microsecond stamps", FIELD_USEC_STAMPS, "tcp_usec_ts",
	 "all time stamps are in milliseconds (before Linux 6.7)", "nothing, as kernels without it have no others"},
	{"linear SYN timeouts", FIELD_SYN_LINEAR, "sysctl_tcp_syn_linear_timeouts",
	 "the timeout of a SYN doubles each time (before Linux 6.5)", "nothing, as kernels without it have none"},
	{"socket cgroup", FIELD_SOCKET_CGROUP, "sk_cgrp_data.cgroup", "not read (before Linux 5.15)",
	 "the cgroup of a connection without a process is not known"},
	{"window probe start", FIELD_PROBES_TSTAMP, "icsk_probes_tstamp", "not read (before Linux 5.11)",
	 "no exact forecast for a closed window where TCP_USER_TIMEOUT is set"},
};
enum { FIELD_FEATURE_COUNT = sizeof(FIELD_FEATURES) / sizeof(FIELD_FEATURES[0]) };

static int write_feature(struct session *session, bool available, const char *name, const char *how, const char *loss)
{
	struct feature_record record = RECORD_INIT(struct feature_record, RECORD_FEATURE, 0);

	record.available = available;
	snprintf(record.name, sizeof(record.name), "%s", name);
	snprintf(record.how, sizeof(record.how), "%s", how);
	snprintf(record.loss, sizeof(record.loss), "%s", loss);
	return stream_write(&session->stream, &record, sizeof(record));
}

static int write_write_timer(struct session *session, uint32_t fields)
{
	char how[96];
	const char *timer = fields & FIELD_TCP_RETRANSMIT_TIMER ? "sk.tcp_retransmit_timer" : "icsk_retransmit_timer";

	snprintf(how, sizeof(how), "%s%s", fields & FIELD_ICSK_TIMEOUT ? "icsk_timeout and " : "", timer);
	return write_feature(session, true, "write timer", how, "no forecast while data or a SYN is unanswered");
}

static int write_keepalive_timer(struct session *session, uint32_t fields)
{
	return write_feature(session, true, "keepalive timer",
			     fields & FIELD_ICSK_KEEPALIVE_TIMER ? "icsk_keepalive_timer" : "sk_timer",
			     "no forecast while keepalive probes are unanswered");
}

bool features_keepalive_pending(const struct session *session, char *text, size_t size)
{
	if (session->skeleton->bss->keepalive_timer_address) {
		return false;
	}
	snprintf(text, size,
		 "its address is found at the first TCP socket that a sweep meets, since a socket of the sensor's own "
		 "cannot be had (%s)",
		 strerror(-session->own_socket_error));
	return true;
}

static int write_keepalive_function(struct session *session)
{
	char how[208] = "read from a socket of the sensor's own";
	bool pending = features_keepalive_pending(session, how, sizeof(how));

	return write_feature(session, !pending, "keepalive function", how,
			     "until it is found, unanswered keepalive probes are found by sweeps only");
}

static int write_retransmit_errors(struct session *session)
{
	bool has = session->has_retransmit_err;

	return write_feature(session, has, "retransmit errors",
			     has ? "err of tcp_retransmit_skb"
				 : "tcp_retransmit_skb fires only for what was sent (before Linux 6.17)",
			     "RTOs whose packets never left this machine are found by sweeps only");
}

static int write_lockdown(struct session *session)
{
	static const char *const TEXTS[] = {
		[LOCKDOWN_UNKNOWN] = "not to be read (/sys/kernel/security/lockdown), but not in the way",
		[LOCKDOWN_NONE] = "off",
		[LOCKDOWN_INTEGRITY] = "integrity, which does not concern stuckd",
		[LOCKDOWN_CONFIDENTIALITY] = "confidentiality, switched on after the programs were loaded",
	};
	enum lockdown mode = lockdown_mode();

	return write_feature(session, mode != LOCKDOWN_CONFIDENTIALITY, "lockdown", TEXTS[mode],
			     "in mode confidentiality no BPF program may read the kernel, and stuckd cannot start");
}

int features_write(struct session *session)
{
	uint32_t fields = session->skeleton->bss->kernel_fields;
	int error = write_write_timer(session, fields);

	if (!error) {
		error = write_keepalive_timer(session, fields);
	}
	if (!error) {
		error = write_keepalive_function(session);
	}
	if (!error) {
		error = write_retransmit_errors(session);
	}
	for (int i = 0; !error && i < FIELD_FEATURE_COUNT; i++) {
		const struct field_feature *feature = &FIELD_FEATURES[i];
		bool has = fields & feature->field;

		error = write_feature(session, has, feature->name, has ? feature->with : feature->without,
				      feature->loss);
	}
	return error ? error : write_lockdown(session);
}
