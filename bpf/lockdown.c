// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "lockdown.h"

#include <stdio.h>
#include <string.h>

/* All modes on one line, with the present one in brackets. */
static const char LOCKDOWN_FILE[] = "/sys/kernel/security/lockdown";

enum lockdown lockdown_mode(void)
{
	char modes[128] = "";
	FILE *file = fopen(LOCKDOWN_FILE, "re");

	if (!file) {
		return LOCKDOWN_UNKNOWN;
	}
	(void)!fgets(modes, sizeof(modes), file);
	fclose(file);
	if (strstr(modes, "[confidentiality]")) {
		return LOCKDOWN_CONFIDENTIALITY;
	}
	if (strstr(modes, "[integrity]")) {
		return LOCKDOWN_INTEGRITY;
	}
	return strstr(modes, "[none]") ? LOCKDOWN_NONE : LOCKDOWN_UNKNOWN;
}
