/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Why the programs do not load: what this kernel lacks or forbids, in words. */
#ifndef STUCKD_NEEDS_H
#define STUCKD_NEEDS_H

#include <stddef.h>

#include "sensor_wire.h"

/*
 * To be called after program `name` (which serves `loss`) was refused with `error` (-errno) and the complaint of
 * trial_complaint(). Writes one sentence that says why, and what to do, to `message`; returns the kind of failure.
 */
enum failure_code needs_explain(const char *name, int error, const char *loss, char *message, size_t size);

#endif
