/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Questions to sock_diag over one netlink socket, which belongs to the network namespace that it was opened in. */
#ifndef STUCKD_DIAG_NETLINK_H
#define STUCKD_DIAG_NETLINK_H

#include "diag_message.h"

/* Called for each socket of a dump. */
typedef void diag_visit(void *context, struct diag_socket *socket);

/* Opens one in the network namespace of the calling thread. Returns a descriptor, or -errno. */
int diag_open(void);

/*
 * Asks for all TCP sockets of one family (AF_INET, AF_INET6) whose state is one of `states` (a mask of 1 << TCP_*). The kernel
 * answers in pieces, between which sockets come and go: one that a dump does not name may still be there. Returns 0, or -errno
 * of what cut it short: EAGAIN if the kernel says that it changed under the dump, EBADMSG if a message could not be read
 * (all others were visited then), ENOENT if the kernel cannot be asked for this family. One thread at a time.
 */
int diag_dump(int fd, __u8 family, __u32 states, diag_visit *visit, void *context);

/* Asks for the socket that was told of as `known`. Returns 0, -ENOENT if it is gone, or another -errno. */
int diag_get(int fd, const struct diag_socket *known, struct diag_socket *found);

#endif
