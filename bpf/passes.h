/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Refreshes, sweeps and audits of the BPF programs, on a thread of their own, so that a long sweep delays no event. */
#ifndef STUCKD_PASSES_H
#define STUCKD_PASSES_H

#include "session.h"

/* Thread body: runs passes until the stream breaks. `argument` is the session. */
void *passes_run(void *argument);

#endif
