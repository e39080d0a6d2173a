// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_output.h"

#include <string.h>

void diag_output_add(struct diag_output *output, const void *record)
{
	size_t size = ((const struct record_header *)record)->size;

	if (output->used + size > sizeof(output->records)) {
		diag_output_flush(output);
	}
	memcpy(output->records + output->used, record, size);
	output->used += size;
}

int diag_output_flush(struct diag_output *output)
{
	if (!output->error && output->used) {
		output->error = stream_write(output->stream, output->records, output->used);
	}
	output->used = 0;
	return output->error;
}
