/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The records of one polling pass, gathered before they are written. */
#ifndef STUCKD_DIAG_OUTPUT_H
#define STUCKD_DIAG_OUTPUT_H

#include "stream.h"

struct diag_output {
	struct stream *stream;
	int error; /* -errno of the stream; then nothing is written any more */
	size_t used;
	char records[32 * 1024];
};

/* Adds one record; `record` begins with its header. */
void diag_output_add(struct diag_output *output, const void *record);

/* Writes what was added. Returns 0, or -errno of the stream. */
int diag_output_flush(struct diag_output *output);

#endif
