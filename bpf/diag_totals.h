/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* "3 of 10 connections": what sweeps count of the peers, listeners and processes that the daemon is interested in. */
#ifndef STUCKD_DIAG_TOTALS_H
#define STUCKD_DIAG_TOTALS_H

#include "diag.h"

/* Takes COMMAND_COUNT or COMMAND_UNCOUNT. Returns 0, also if the table is full (that is counted); -EBADMSG on nonsense. */
int diag_totals_command(struct session *session, const struct interest_command *command);

/* Takes the interests of now: those that come while the sweep runs are for the next one. Sets `counts`. */
void diag_totals_begin(struct diag_pass *pass);

/* A connection that was dumped: counts it for its peer and its listener. `inode` may be NULL. */
void diag_totals_note(struct diag_pass *pass, const struct diag_socket *socket, struct diag_inode *inode);

/* Whether this process is counted even if it has no connection. */
bool diag_totals_wants_process(const struct diag *diag, __u32 tgid);

/* Adds to what one process has of an interest, 0: of all. */
void diag_totals_hold(struct diag *diag, __u32 tgid, __u64 start_boot_us, __u32 interest_id, __u32 connections);

/* The process has a descriptor of this connection; counts it once. Returns whether it had none before. */
bool diag_totals_note_holder(struct diag_pass *pass, struct diag_inode *inode, __u32 tgid, __u64 start_boot_us);

/* Writes what was counted. */
void diag_totals_write(struct diag_pass *pass);

#endif
