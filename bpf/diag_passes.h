/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Refreshes and sweeps of an observer that polls. */
#ifndef STUCKD_DIAG_PASSES_H
#define STUCKD_DIAG_PASSES_H

/* Thread body: runs passes until the stream breaks. `argument` is the session. */
void *diag_passes_run(void *argument);

#endif
