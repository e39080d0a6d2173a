// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "needs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel_needs.skel.h"
#include "trial.h"

/* What came with a version of Linux. All of it is there from 5.12 on. */
static const struct need {
	const char *program;
	const char *what;
} NEEDS[] = {
	{"need_storage", "storage per socket for tracing programs (Linux 5.11)"},
	{"need_cookie", "socket cookies for tracing programs (5.12)"},
	{"need_socket_of_file", "bpf_sock_from_file() for iterators (5.11)"},
};
enum { NEED_COUNT = sizeof(NEEDS) / sizeof(NEEDS[0]) };

static int try_need(const char *program)
{
	size_t size;
	const void *elf = kernel_needs__elf_bytes(&size);

	return trial_load(elf, size, program);
}

/* Lists what is missing. Returns whether anything is. */
static bool list_missing(char *list, size_t size)
{
	size_t used = 0;

	list[0] = '\0';
	for (int i = 0; i < NEED_COUNT; i++) {
		if (try_need(NEEDS[i].program) && used < size) {
			used += snprintf(list + used, size - used, "%s%s", used ? ", " : "", NEEDS[i].what);
		}
	}
	return used > 0;
}

enum failure_code needs_explain(const char *name, int error, const char *loss, char *message, size_t size)
{
	struct utsname kernel = {.release = "?"};
	char complaint[160], missing[200];
	int tracing_error;

	uname(&kernel);
	snprintf(complaint, sizeof(complaint), "%s", trial_complaint(error)); /* the trials below have others */
	tracing_error = try_need("need_tracing");
	if (tracing_error == -EPERM || tracing_error == -EACCES) {
		snprintf(message, size,
			 "the kernel refuses to load BPF programs (%s) although CAP_BPF and CAP_PERFMON are held: is "
			 "bpf() forbidden by a seccomp profile, BPF by a security module or by lockdown, or is this a "
			 "container without root (a user namespace)?",
			 strerror(-tracing_error));
		return FAILURE_PRIVILEGE;
	}
	if (tracing_error) {
		snprintf(message, size, "Linux %.64s cannot load BPF tracing programs (%s): %s", kernel.release,
			 strerror(-tracing_error), trial_complaint(tracing_error));
		return FAILURE_LOAD;
	}
	if (try_need("need_memory")) {
		snprintf(message, size,
			 "BPF programs must not read the kernel's memory here (%s): is the kernel locked down "
			 "(lockdown=confidentiality)? Boot with lockdown=integrity or without lockdown",
			 trial_complaint(-EPERM));
		return FAILURE_PRIVILEGE;
	}
	if (list_missing(missing, sizeof(missing))) {
		snprintf(message, size,
			 "Linux %.64s is too old for stuckd's BPF programs: it lacks %s. Linux 5.12 has all of it: "
			 "upgrade the kernel "
			 "(Debian 12, Ubuntu 22.04, RHEL 9 and later have one)",
			 kernel.release, missing);
		return FAILURE_LOAD;
	}
	snprintf(message, size, "the kernel refuses the BPF program %s (%s): %s; without it %s", name, strerror(-error),
		 complaint, loss);
	return FAILURE_LOAD;
}
