/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The command line of stuckd-sensor. */
#ifndef STUCKD_ARGUMENTS_H
#define STUCKD_ARGUMENTS_H

#include <stdbool.h>

#include "mode.h"

enum action { ACTION_SERVE_FD, ACTION_LISTEN, ACTION_CHECK, ACTION_VERSION };

struct arguments {
	enum action action;
	int fd;             /* ACTION_SERVE_FD */
	const char *listen; /* ACTION_LISTEN: path of the socket */
	enum allowed_mode allowed;
	const char *btf;     /* NULL: the kernel's own */
	const char *without; /* NULL: all tracepoints */
};

/* Parses them, in any order. Returns false after it wrote what is wrong, and the usage, to standard error. */
bool arguments_parse(int argc, char **argv, struct arguments *arguments);

#endif
