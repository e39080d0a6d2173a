/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who holds which socket: every descriptor of every process that /proc lets us look into. */
#ifndef STUCKD_DIAG_OWNERS_H
#define STUCKD_DIAG_OWNERS_H

#include "diag.h"

/* Walks them all, and reports the holders of what this sweep has reported, each behind a record of its process. */
void diag_owners_walk(struct diag_pass *pass);

#endif
