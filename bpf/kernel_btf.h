/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel's type information (BTF), without which no program finds the kernel's fields, or its tracepoint. */
#ifndef STUCKD_KERNEL_BTF_H
#define STUCKD_KERNEL_BTF_H

#include "refusal.h"

struct btf;

/*
 * Has it read from a file, raw or an ELF file with a section .BTF, instead of /sys. To be called before anything is loaded;
 * `path` must outlive the process's last load.
 */
void kernel_btf_use(const char *path);

/*
 * Reads it, and makes sure that it is of the kernel that runs. Returns 0 and the types, to be freed by the caller, or
 * -errno with the reason.
 */
int kernel_btf_open(struct btf **btf, struct refusal *refusal);

#endif
