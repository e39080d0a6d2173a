// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

_Static_assert(sizeof(((struct refusal *)NULL)->message) == sizeof(((struct failure_record *)NULL)->message) &&
		       sizeof(((struct refusal *)NULL)->message) == sizeof(((struct mode_record *)NULL)->reason),
	       "what is said in one record can be said in the others");

int refusal_set(struct refusal *refusal, enum failure_code code, int error, const char *format, ...)
{
	va_list arguments;

	refusal->code = code;
	refusal->error = error;
	va_start(arguments, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, arguments);
	va_end(arguments);
	return error;
}

bool refusal_may_pass(const struct refusal *refusal)
{
	switch (-refusal->error) {
	case EAGAIN:
	case EINTR:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}
