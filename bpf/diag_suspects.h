/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The sockets under observation: which there are, what was said of them, and what became of those that a dump does not name. */
#ifndef STUCKD_DIAG_SUSPECTS_H
#define STUCKD_DIAG_SUSPECTS_H

#include "diag.h"

#define DIAG_SUSPECTS_MAX 65536

/* Looks at a socket that the kernel told of just now, and reports it if it is worth that. */
void diag_suspects_look(struct diag_pass *pass, struct diag_socket *socket, struct diag_inode *inode);

/*
 * After all namespaces were dumped: asks for each suspect that was not among the sockets. What is gone is
 * reported with CAUSE_DESTROY and forgotten, but for those of which a descriptor is left.
 */
void diag_suspects_ask_for_missing(struct diag_pass *pass);

/* A sweep found a descriptor of a suspect. */
void diag_suspects_note_holder(struct diag_pass *pass, const struct diag_inode *inode, __u32 tgid, __u32 fd);

/* After a sweep has looked at all descriptors: the same of those that nobody holds. */
void diag_suspects_forget_closed(struct diag_pass *pass);

#endif
