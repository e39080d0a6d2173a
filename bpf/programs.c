// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clocks.h"
#include "tcp_sensor.skel.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

struct program {
	const char *name;
	const char *tracepoint; /* NULL for iterators */
	bool required;
	const char *loss; /* what stuckd cannot do without it */
};

static const struct program PROGRAMS[] = {
	{"on_retransmit", "tcp_retransmit_skb", true, "nothing is detected as it happens"},
	{"on_set_state", "inet_sock_set_state", true, "ends and closes are not seen"},
	{"on_destroy", "tcp_destroy_sock", true, "ends are not seen"},
	{"on_receive_reset", "tcp_receive_reset", false, "a reset by the peer looks like a close"},
	{"on_error_report", "inet_sk_error_report", false, "error codes are read from the state change alone"},
	{"on_send_reset", "tcp_send_reset", false, "an abortive close looks like a plain one"},
	{"on_congestion_state", "tcp_cong_state_set", false, "recoveries are seen at the next refresh only"},
	{"on_timer", "timer_expire_entry", false, "unanswered keepalive probes are found by sweeps only"},
	{"refresh", NULL, true, "suspects cannot be followed"},
	{"sweep", NULL, true, "owners and idle connections are not found"},
};
enum { PROGRAM_COUNT = sizeof(PROGRAMS) / sizeof(PROGRAMS[0]) };

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

/* The first thing libbpf complained about: it knows more than errno does, and what follows only says that it failed. */
static char complaint[200];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !complaint[0]) {
		vsnprintf(complaint, sizeof(complaint), format, arguments);
		complaint[strcspn(complaint, "\n")] = '\0';
	}
	return 0;
}

static struct bpf_program *find_program(const struct session *session, const struct program *program)
{
	return bpf_object__find_program_by_name(session->skeleton->obj, program->name);
}

/* A tp_btf program needs the type btf_trace_<tracepoint> in the kernel's BTF. */
static bool has_tracepoint(const struct btf *btf, const char *tracepoint)
{
	char name[96];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) > 0;
}

/* Opens the object with the programs this kernel has; with `required_only`, with no others. */
static int open_and_load(struct session *session, const struct btf *btf, bool required_only)
{
	int error;

	complaint[0] = '\0';
	session->skeleton = tcp_sensor__open();
	if (!session->skeleton) {
		return -errno;
	}
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		const struct program *program = &PROGRAMS[i];
		bool missing = program->tracepoint && !has_tracepoint(btf, program->tracepoint);

		if (missing || (required_only && !program->required)) {
			bpf_program__set_autoload(find_program(session, program), false);
		}
	}
	error = tcp_sensor__load(session->skeleton);
	if (error) {
		tcp_sensor__destroy(session->skeleton);
		session->skeleton = NULL;
	}
	return error;
}

static int fail_to_load(struct session *session, int error)
{
	if (error == -EPERM) { /* EACCES is how the verifier refuses a memory access, and a security module anything */
		stream_fail(&session->stream, FAILURE_PRIVILEGE, error,
			    "the kernel refuses to load BPF programs although CAP_BPF and CAP_PERFMON are held; is it "
			    "locked "
			    "down (lockdown=confidentiality), or is BPF blocked by seccomp?");
	} else {
		stream_fail(&session->stream, FAILURE_LOAD, error, "the BPF programs do not load on this kernel: %s",
			    complaint[0] ? complaint : strerror(-error));
	}
	return error;
}

int programs_load(struct session *session)
{
	struct btf *btf;
	int error;

	libbpf_set_print(keep_complaint);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (access(KERNEL_BTF, R_OK)) {
		error = -errno;
		stream_fail(&session->stream, FAILURE_BTF, error,
			    "this kernel has no BTF (" KERNEL_BTF
			    "): it needs CONFIG_DEBUG_INFO_BTF=y, or /sys is not mounted");
		return error;
	}
	btf = btf__load_vmlinux_btf();
	if (!btf) {
		error = -errno;
		stream_fail(&session->stream, FAILURE_BTF, error, "the kernel's BTF cannot be read: %s",
			    strerror(-error));
		return error;
	}
	error = open_and_load(session, btf, false);
	if (error && error != -EPERM) {
		/* One optional program may be what this kernel refuses: go on with those that matter. */
		error = open_and_load(session, btf, true);
	}
	btf__free(btf);
	return error ? fail_to_load(session, error) : 0;
}

static int attach_iterators(struct session *session)
{
	union bpf_iter_link_info info = {.map.map_fd = bpf_map__fd(session->skeleton->maps.marks)};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));

	session->refresh_link = bpf_program__attach_iter(session->skeleton->progs.refresh, &options);
	session->sweep_link = bpf_program__attach_iter(session->skeleton->progs.sweep, NULL);
	return session->refresh_link && session->sweep_link ? 0 : -errno;
}

/* Attaches one program. Returns 0, or -errno; `reason` says why where errno does not. */
static int attach_program(struct session *session, const struct program *program, const char **reason)
{
	struct bpf_program *bpf = find_program(session, program);
	struct bpf_link *link;

	*reason = NULL;
	if (!program->tracepoint) {
		return session->refresh_link && session->sweep_link ? 0 : -EINVAL;
	}
	if (is_switched_off(program->tracepoint)) {
		*reason = "switched off";
		return -ECANCELED;
	}
	if (!bpf_program__autoload(bpf)) {
		*reason = "this kernel does not have the tracepoint, or refuses the program";
		return -ENOENT;
	}
	link = bpf_program__attach(bpf);
	return link ? 0 : -errno; /* lives until the process ends or the skeleton is destroyed */
}

static int write_program(struct session *session, const struct program *program, int error, const char *reason)
{
	struct program_record record = RECORD_INIT(struct program_record, RECORD_PROGRAM, 0);

	record.status = error ? PROGRAM_MISSED : PROGRAM_ATTACHED;
	record.error = -error;
	snprintf(record.name, sizeof(record.name), "%s", program->tracepoint ? program->tracepoint : program->name);
	if (error) {
		snprintf(record.message, sizeof(record.message), "%s: %s", reason ? reason : strerror(-error),
			 program->loss);
	}
	return stream_write(&session->stream, &record, sizeof(record));
}

/* Runs the refresh as pass 0, which visits no mark: it leaves a pair of clocks behind. */
static int run_empty_refresh(struct session *session)
{
	char buffer[64];
	int fd = bpf_iter_create(bpf_link__fd(session->refresh_link));

	if (fd < 0) {
		return -errno;
	}
	while (read(fd, buffer, sizeof(buffer)) > 0) {
	}
	close(fd);
	clock_learn_pair(session->skeleton->bss->clock_jiffies, session->skeleton->bss->clock_mono_ns);
	return 0;
}

int programs_attach(struct session *session)
{
	struct ready_record ready = RECORD_INIT(struct ready_record, RECORD_READY, 0);
	struct clock_record clock = RECORD_INIT(struct clock_record, RECORD_CLOCK, 0);
	int error = attach_iterators(session);

	if (!error) {
		error = run_empty_refresh(session);
	}
	if (error) {
		stream_fail(&session->stream, FAILURE_ATTACH, error, "the iterators cannot be attached: %s",
			    strerror(-error));
		return error;
	}
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		const char *reason;

		error = attach_program(session, &PROGRAMS[i], &reason);
		if (error && error != -ECANCELED && PROGRAMS[i].required) {
			stream_fail(&session->stream, FAILURE_ATTACH, error, "%s cannot be attached (%s): %s",
				    PROGRAMS[i].name, reason ? reason : strerror(-error), PROGRAMS[i].loss);
			return error;
		}
		*(error ? &ready.missed : &ready.attached) += 1;
		error = write_program(session, &PROGRAMS[i], error, reason);
		if (error) {
			return error;
		}
	}
	/* The phase of the tick, to some microseconds: the first pair after an edge is nearest to it. */
	for (uint64_t end_us = clock_mono_us() + 2 * clock_tick_ns() / 1000; clock_mono_us() < end_us;) {
		run_empty_refresh(session);
	}
	clock_fill(&clock);
	error = stream_write(&session->stream, &clock, sizeof(clock));
	if (error) {
		return error;
	}
	ready.mono_us = clock.mono_us;
	return stream_write(&session->stream, &ready, sizeof(ready));
}
