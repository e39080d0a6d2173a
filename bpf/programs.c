// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clocks.h"
#include "discovery.h"
#include "kernel_features.h"
#include "tcp_sensor.skel.h"

struct program programs[PROGRAM_COUNT] = {
	{"on_retransmit", "tcp_retransmit_skb", true, "nothing is detected as it happens", 0, "", NULL},
	{"on_set_state", "inet_sock_set_state", true, "ends and closes are not seen", 0, "", NULL},
	{"on_destroy", "tcp_destroy_sock", true, "ends are not seen", 0, "", NULL},
	{"on_receive_reset", "tcp_receive_reset", false, "a reset by the peer looks like a close", 0, "", NULL},
	{"on_error_report", "inet_sk_error_report", false, "error codes are read from the state change alone", 0, "",
	 NULL},
	{"on_send_reset", "tcp_send_reset", false, "an abortive close looks like a plain one", 0, "", NULL},
	{"on_congestion_state", "tcp_cong_state_set", false, "recoveries are seen at the next refresh only", 0, "",
	 NULL},
	{"on_timer", "timer_expire_entry", false, "unanswered keepalive probes are found by sweeps only", 0, "", NULL},
	{"refresh", NULL, true, "suspects cannot be followed", 0, "", NULL},
	{"sweep", NULL, true, "owners and idle connections are not found", 0, "", NULL},
};

static const char *switched_off = "";

void programs_switch_off(const char *names)
{
	switched_off = names;
}

/* Is `name` one of the comma-separated names? */
static bool is_switched_off(const char *name)
{
	size_t length = strlen(name);

	for (const char *at = switched_off; (at = strstr(at, name)); at += length) {
		if ((at == switched_off || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) {
			return true;
		}
	}
	return false;
}

const char *program_title(const struct program *program)
{
	return program->tracepoint ? program->tracepoint : program->name;
}

void program_leave_out(struct program *program, int error, const char *format, ...)
{
	va_list arguments;

	program->error = error;
	va_start(arguments, format);
	vsnprintf(program->how, sizeof(program->how), format, arguments);
	va_end(arguments);
}

/* It runs without what it was told to do without, whatever that is. */
static bool is_indispensable(const struct program *program)
{
	return program->required && program->error != -ECANCELED;
}

static struct bpf_link *attach(struct session *session, const struct program *program)
{
	struct tcp_sensor *skeleton = session->skeleton;
	struct bpf_program *bpf = bpf_object__find_program_by_name(skeleton->obj, program->name);
	union bpf_iter_link_info info = {.map.map_fd = bpf_map__fd(skeleton->maps.marks)};
	LIBBPF_OPTS(bpf_iter_attach_opts, over_marks, .link_info = &info, .link_info_len = sizeof(info));

	if (bpf == skeleton->progs.refresh) {
		return session->refresh_link = bpf_program__attach_iter(bpf, &over_marks);
	}
	if (bpf == skeleton->progs.sweep) {
		return session->sweep_link = bpf_program__attach_iter(bpf, NULL);
	}
	return bpf_program__attach(bpf);
}

/* Returns 0, also if an optional program was left out; -errno with the reason in the session. */
static int attach_or_leave_out(struct session *session, struct program *program)
{
	if (program->tracepoint && is_switched_off(program->tracepoint)) {
		program_leave_out(program, -ECANCELED, "switched off");
	}
	if (!program->error) {
		program->link = attach(session, program);
	}
	if (!program->error && !program->link) {
		int error = -errno;

		program_leave_out(program, error, "cannot be attached (%s)", strerror(-error));
	}
	if (program->error && is_indispensable(program)) {
		return refusal_set(&session->refusal, FAILURE_ATTACH, program->error,
				   "%s, which is required: %s; without it %s", program_title(program), program->how,
				   program->loss);
	}
	return 0;
}

static int attach_all(struct session *session, bool iterators)
{
	int error = 0;

	for (int i = 0; !error && i < PROGRAM_COUNT; i++) {
		if (iterators == !programs[i].tracepoint) {
			error = attach_or_leave_out(session, &programs[i]);
		}
	}
	return error;
}

static int write_program(struct session *session, const struct program *program)
{
	struct program_record record = RECORD_INIT(struct program_record, RECORD_PROGRAM, 0);
	const char *how = program->error ? program->how : "attached";
	char pending[sizeof(record.how)];

	if (!program->error && strcmp(program->name, "on_timer") == 0 &&
	    features_keepalive_pending(session, pending, sizeof(pending))) {
		how = "attached, but tcp_keepalive_timer is not known yet; until then sweeps serve";
	}
	record.status = program->error ? PROGRAM_MISSED : PROGRAM_ATTACHED;
	record.error = -program->error;
	record.required = is_indispensable(program);
	snprintf(record.name, sizeof(record.name), "%s", program_title(program));
	snprintf(record.how, sizeof(record.how), "%s", how);
	snprintf(record.loss, sizeof(record.loss), "%s", program->loss);
	return stream_write(&session->stream, &record, sizeof(record));
}

static int write_programs(struct session *session, struct ready_record *ready)
{
	int error = 0;

	for (int i = 0; !error && i < PROGRAM_COUNT; i++) {
		*(programs[i].error ? &ready->missed : &ready->attached) += 1;
		error = write_program(session, &programs[i]);
	}
	return error;
}

int programs_attach(struct session *session)
{
	int error = attach_all(session, true);

	if (error) {
		return error;
	}
	error = discovery_run(session);
	if (error) {
		return refusal_set(&session->refusal, FAILURE_ATTACH, error, "refresh does not run: %s",
				   strerror(-error));
	}
	return attach_all(session, false);
}

void programs_let_go(struct session *session)
{
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		bpf_link__destroy(programs[i].link);
		programs[i].link = NULL;
	}
	session->refresh_link = session->sweep_link = NULL;
	tcp_sensor__destroy(session->skeleton);
	session->skeleton = NULL;
}

int programs_announce(struct session *session)
{
	struct ready_record ready = RECORD_INIT(struct ready_record, RECORD_READY, 0);
	struct clock_record clock = RECORD_INIT(struct clock_record, RECORD_CLOCK, 0);
	int error = write_programs(session, &ready);

	if (!error) {
		error = features_write(session);
	}
	if (error) {
		return error;
	}
	discovery_learn_tick(session);
	clock_fill(&clock);
	error = stream_write(&session->stream, &clock, sizeof(clock));
	if (error) {
		return error;
	}
	ready.mono_us = clock.mono_us;
	return stream_write(&session->stream, &ready, sizeof(ready));
}
