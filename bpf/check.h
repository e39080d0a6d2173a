/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* stuckd-sensor --check: a daemon of a few lines at the other end of a socketpair prints what it is told. */
#ifndef STUCKD_CHECK_H
#define STUCKD_CHECK_H

#include "mode.h"

/* Returns the exit status: 0 if stuckd can run here in a mode that is allowed, 1 if not. */
int check(enum allowed_mode allowed);

#endif
