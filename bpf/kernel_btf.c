// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "kernel_btf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs.h"

#define OWN_BTF "/sys/kernel/btf/vmlinux"

/* An id that exists in the BTF of every kernel, and that no program can be attached to: the first type is a number. */
#define ID_OF_A_NUMBER 1

/* Errors from here on are libbpf's own (__LIBBPF_ERRNO__START). */
#define ERRNO_MAX 4000

static const char *file;

void kernel_btf_use(const char *path)
{
	file = path;
}

/*
 * libbpf looks for types and for the ids of what programs attach to through this function, and its places for the file are
 * fixed (btf_custom_path is for types alone). So the linker puts this one in its place (--wrap).
 */
struct btf *__wrap_btf__load_vmlinux_btf(void);
struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	return btf__parse(file ? file : OWN_BTF, NULL);
}

/*
 * Asks the kernel for a program that does nothing at the tracepoint or iterator with an id. Returns 0 if that is one, else
 * -errno; `log` is then empty if the kernel has no BTF at all.
 */
static int try_id(int id, enum bpf_attach_type type, char *log, size_t log_size)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type, .attach_btf_id = (__u32)id,
		    .log_buf = log, .log_size = (__u32)log_size, .log_level = 1);
	int fd;

	log[0] = '\0';
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "try_id", "GPL", code, sizeof(code) / sizeof(code[0]), &options);
	if (fd < 0) {
		return -errno;
	}
	close(fd);
	return 0;
}

/* Whether the kernel was built without BTF: it then refuses before its verifier says a word (bpf_prog_load()). */
static bool kernel_has_none(void)
{
	char log[256];

	return try_id(ID_OF_A_NUMBER, BPF_TRACE_RAW_TP, log, sizeof(log)) == -EINVAL && !log[0];
}

static int refuse_without(struct refusal *refusal)
{
	return refusal_set(
		refusal, FAILURE_BTF, -ENOENT,
		"this kernel was built without BTF, which BPF programs need, and a file does not help: it takes "
		"a kernel with CONFIG_DEBUG_INFO_BTF=y (those of Debian 11, Ubuntu 20.10, RHEL 8.2 and later)");
}

/* The kernel's own file is not there, or not to be read. */
static int refuse_hidden(struct refusal *refusal, int error)
{
	if (kernel_has_none()) {
		return refuse_without(refusal);
	}
	return refusal_set(refusal, FAILURE_BTF, error,
			   "the kernel's BTF is not visible here (" OWN_BTF
			   ": %s): mount /sys, or name a copy of that file with --btf",
			   strerror(-error));
}

/* The types of a file, or NULL with the reason. */
static struct btf *read_file(const char *path, struct refusal *refusal)
{
	struct stat status;
	struct btf *btf;

	if (stat(path, &status) || access(path, R_OK)) {
		int error = -errno;

		refusal_set(refusal, FAILURE_BTF, error, "the BTF file %.128s cannot be read (%s)%s", path,
			    strerror(-error),
			    error == -EACCES ? ": the sensor is not root by then, so everybody must be allowed to"
					     : "");
		return NULL;
	}
	if (!S_ISREG(status.st_mode)) {
		refusal_set(refusal, FAILURE_BTF, -EINVAL, "the BTF file %.128s is no regular file", path);
		return NULL;
	}
	btf = btf__parse(path, NULL);
	if (!btf) {
		/* libbpf has numbers of its own for files that are none. */
		refusal_set(refusal, FAILURE_BTF, errno < ERRNO_MAX ? -errno : -EINVAL,
			    "the BTF file %.128s holds no BTF that can be read: it must be a copy of " OWN_BTF
			    ", or a vmlinux with a section .BTF",
			    path);
	}
	return btf;
}

/* Whether the running kernel has, at the ids that `btf` gives them, what programs attach to. */
static bool has_same_ids(const struct btf *btf)
{
	int iterator = btf__find_by_name_kind(btf, "bpf_iter_task_file", BTF_KIND_FUNC);
	char log[256], name[96];
	int tried = 0;

	for (int i = 0; i < PROGRAM_COUNT; i++) {
		int id = 0;

		if (programs[i].tracepoint) {
			snprintf(name, sizeof(name), "btf_trace_%s", programs[i].tracepoint);
			id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
		}
		if (id > 0 && try_id(id, BPF_TRACE_RAW_TP, log, sizeof(log)) == -EINVAL) {
			return false;
		}
		tried += id > 0;
	}
	return tried > 0 && iterator > 0 && try_id(iterator, BPF_TRACE_ITER, log, sizeof(log)) != -EINVAL;
}

static bool is_same(const struct btf *one, const struct btf *other)
{
	__u32 one_size, other_size;
	const void *one_data = btf__raw_data(one, &one_size);
	const void *other_data = btf__raw_data(other, &other_size);

	return one_data && other_data && one_size == other_size && memcmp(one_data, other_data, one_size) == 0;
}

/*
 * Fields of another kernel would be read at wrong places without a complaint of anybody. Where the kernel's own BTF can be
 * read it decides; else the ids do, which move with every type that one of two kernels has and the other has not.
 */
static bool is_of_this_kernel(const struct btf *btf)
{
	struct btf *own = access(OWN_BTF, R_OK) ? NULL : btf__parse(OWN_BTF, NULL);
	bool result = own ? is_same(btf, own) : has_same_ids(btf);

	btf__free(own);
	return result;
}

static int open_file(struct btf **btf, struct refusal *refusal)
{
	*btf = read_file(file, refusal);
	if (!*btf) {
		return refusal->error;
	}
	if (is_of_this_kernel(*btf)) {
		return 0;
	}
	btf__free(*btf);
	*btf = NULL;
	if (kernel_has_none()) {
		return refuse_without(refusal);
	}
	return refusal_set(
		refusal, FAILURE_BTF, -ESRCH,
		"the BTF file %.128s is not of the kernel that runs: make a copy of " OWN_BTF " on this machine", file);
}

int kernel_btf_open(struct btf **btf, struct refusal *refusal)
{
	if (file) {
		return open_file(btf, refusal);
	}
	if (access(OWN_BTF, R_OK)) {
		return refuse_hidden(refusal, -errno);
	}
	*btf = btf__parse(OWN_BTF, NULL);
	if (!*btf) {
		int error = -errno;

		return refusal_set(refusal, FAILURE_BTF, error, "the kernel's BTF cannot be read: %s",
				   strerror(-error));
	}
	return 0;
}
