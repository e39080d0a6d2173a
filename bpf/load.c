// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "load.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel_btf.h"
#include "lockdown.h"
#include "needs.h"
#include "programs.h"
#include "tcp_sensor.skel.h"
#include "trial.h"

/* Of tcp_retransmit_skb before it gained `err`: the context, sk, skb. */
#define RETRANSMIT_ARGUMENTS 3

/* The type that a tp_btf program needs in the kernel's BTF. Returns its id; 0 or less if it is not there. */
static int find_tracepoint(const struct btf *btf, const char *tracepoint)
{
	char name[96];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
}

/*
 * Arguments of a tracepoint, the context that comes first included; 0 if it is not there. No program can tell: it may
 * read an argument only if it is there.
 */
static int count_arguments(const struct btf *btf, const char *tracepoint)
{
	int id = find_tracepoint(btf, tracepoint);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, id) : NULL;

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
}

/* Leaves out what is not there to attach to. Returns 0, or -errno with the reason in the session. */
static int look_for_tracepoints(struct session *session)
{
	struct btf *btf;
	int error = kernel_btf_open(&btf, &session->refusal);

	if (error) {
		return error;
	}
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		if (programs[i].tracepoint && find_tracepoint(btf, programs[i].tracepoint) <= 0) {
			program_leave_out(&programs[i], -ENOENT, "this kernel does not have the tracepoint");
		}
	}
	session->has_retransmit_err = count_arguments(btf, "tcp_retransmit_skb") > RETRANSMIT_ARGUMENTS;
	btf__free(btf);
	return 0;
}

/* Opens the object and loads the programs that are not left out. Returns 0, or -errno. */
static int open_and_load(struct session *session)
{
	int error;

	trial_forget_complaint();
	session->skeleton = tcp_sensor__open();
	if (!session->skeleton) {
		return -errno;
	}
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		if (programs[i].error) {
			struct bpf_program *program =
				bpf_object__find_program_by_name(session->skeleton->obj, programs[i].name);

			bpf_program__set_autoload(program, false);
		}
	}
	session->skeleton->rodata->retransmit_has_error = session->has_retransmit_err;
	error = tcp_sensor__load(session->skeleton);
	if (error) {
		tcp_sensor__destroy(session->skeleton);
		session->skeleton = NULL;
	}
	return error;
}

static int refuse_to_load(struct session *session, const char *name, int error, const char *loss)
{
	char message[sizeof(session->refusal.message)];
	enum failure_code code = needs_explain(name, error, loss, message, sizeof(message));

	return refusal_set(&session->refusal, code, error, "%s", message);
}

/*
 * One refused program costs the whole object, and libbpf does not say which it was. So each is tried alone, and the
 * optional ones that this kernel refuses are left out. Returns 0, or -errno with the reason in the session if it
 * refuses a required one.
 */
static int leave_out_refused(struct session *session)
{
	size_t size;
	const void *elf = tcp_sensor__elf_bytes(&size);

	for (int i = 0; i < PROGRAM_COUNT; i++) {
		struct program *program = &programs[i];
		int error = program->error ? 0 : trial_load(elf, size, program->name);

		if (error && program->required) {
			return refuse_to_load(session, program_title(program), error, program->loss);
		}
		if (error) {
			program_leave_out(program, error, "the kernel refuses it (%s): %s", strerror(-error),
					  trial_complaint(error));
		}
	}
	return 0;
}

int load_programs(struct session *session)
{
	int error;

	if (lockdown_mode() == LOCKDOWN_CONFIDENTIALITY) {
		return refusal_set(
			&session->refusal, FAILURE_PRIVILEGE, -EPERM,
			"the kernel is locked down (/sys/kernel/security/lockdown: confidentiality), so BPF programs "
			"must not read its memory, and would see nothing: boot with lockdown=integrity, which is "
			"harmless for them, or without lockdown");
	}
	trial_capture_complaints();
	error = look_for_tracepoints(session);
	if (error) {
		return error;
	}
	error = open_and_load(session);
	if (!error) {
		return 0;
	}
	error = leave_out_refused(session);
	if (error) {
		return error;
	}
	error = open_and_load(session);
	if (error) { /* each alone, but not all of them together: memory, for one */
		return refuse_to_load(session, "tcp_sensor", error, "nothing works");
	}
	return 0;
}
