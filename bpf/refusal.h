/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Why BPF cannot be had: for a failure record, or for the mode record of a sensor that polls instead. */
#ifndef STUCKD_REFUSAL_H
#define STUCKD_REFUSAL_H

#include <stdbool.h>

#include "sensor_wire.h"

struct refusal {
	enum failure_code code;
	int error;         /* -errno */
	char message[432]; /* one sentence: why, and what would give it */
};

/* Fills it in; `format` makes the message. Returns `error`. */
int refusal_set(struct refusal *refusal, enum failure_code code, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Whether the same attempt may succeed later: memory or descriptors were short, or a signal came. */
bool refusal_may_pass(const struct refusal *refusal);

#endif
