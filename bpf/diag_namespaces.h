/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The network namespaces that can be looked into: our own always, others as far as /proc/PID/ns/net of a process in them, or a
 * name in /run/netns, may be opened and entered. A netlink socket is kept in each, which also keeps the namespace in existence:
 * so every pass asks whether that process or name is still there.
 */
#ifndef STUCKD_DIAG_NAMESPACES_H
#define STUCKD_DIAG_NAMESPACES_H

#include "diag_sysctls.h"
#include "diag_table.h"

struct diag_namespace {
	__u32 inode; /* the key */
	int fd;      /* a netlink socket in it; -1: there is none */
	int error; /* errno of why it cannot be entered; 0 without a socket: it did not answer, and is to be tried again */
	__u32 found_search; /* the search that found it last */
	__u32 dumped_pass;  /* the last pass that saw all of it */
	__u64 sysctls_us;   /* when they were read; CLOCK_MONOTONIC, 0: never */
	struct diag_sysctls sysctls;
	char origin[288]; /* path of the file that stands for it */
};

struct diag_namespaces {
	struct diag_table table; /* struct diag_namespace */
	__u32 own;               /* inode */
	int own_fd;              /* of its file, to come back */
	int error;               /* errno of why no other can be entered; 0: they can be tried */
	__u32 search;            /* number of the last one */
};

/*
 * Opens our own. To be called on any thread; all else on the one that runs passes, which enters namespaces and comes back.
 * Returns 0, or -errno.
 */
int diag_namespaces_open(struct diag_namespaces *namespaces);

/* Looks for all there are, opens new ones, and closes those that are gone. Returns 0, or -errno if there was no way back. */
int diag_namespaces_search(struct diag_namespaces *namespaces);

/* Whether all that are open are still where they were found, and none is to be tried again. */
bool diag_namespaces_are_there(const struct diag_namespaces *namespaces);

/* What holds in it; read again when it is some seconds old. Returns NULL if there is no such namespace. */
const struct diag_sysctls *diag_namespaces_sysctls(struct diag_namespaces *namespaces, __u32 inode, __u64 now_us);

/* It must not be entered: who lacks the right will not get it. */
bool diag_namespace_is_closed(const struct diag_namespace *namespace);

/* Closes the socket of one that does not answer; the next search opens a new one. */
void diag_namespace_close(struct diag_namespace *namespace);

#endif
