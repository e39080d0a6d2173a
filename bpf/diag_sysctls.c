// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_sysctls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns false if there is no such file, or no number in it. */
static bool read_number(const char *name, unsigned long *number)
{
	char path[96], text[32];
	char *end;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	errno = 0;
	*number = strtoul(text, &end, 10);
	return end != text && !errno;
}

/* Returns 0 for what this kernel does not have. */
static __u8 read_byte(const char *name, bool *is_read)
{
	unsigned long number = 0;

	if (!read_number(name, &number)) {
		*is_read = false;
	}
	return number < 255 ? number : 255;
}

static __u32 read_seconds(const char *name, bool *is_read)
{
	unsigned long number = 0;

	if (!read_number(name, &number)) {
		*is_read = false;
	}
	return number < UINT32_MAX ? number : UINT32_MAX;
}

void diag_sysctls_read(struct diag_sysctls *sysctls)
{
	bool is_read = true, is_new; /* not every kernel has it, and 0 is what the others do */

	sysctls->keepalive_time_s = read_seconds("tcp_keepalive_time", &is_read);
	sysctls->keepalive_intvl_s = read_seconds("tcp_keepalive_intvl", &is_read);
	sysctls->fin_timeout_s = read_seconds("tcp_fin_timeout", &is_read);
	sysctls->keepalive_probes = read_byte("tcp_keepalive_probes", &is_read);
	sysctls->retries1 = read_byte("tcp_retries1", &is_read);
	sysctls->retries2 = read_byte("tcp_retries2", &is_read);
	sysctls->orphan_retries = read_byte("tcp_orphan_retries", &is_read);
	sysctls->syn_retries = read_byte("tcp_syn_retries", &is_read);
	sysctls->early_retrans = read_byte("tcp_early_retrans", &is_read);
	sysctls->syn_linear_timeouts = read_byte("tcp_syn_linear_timeouts", &is_new);
	sysctls->thin_linear_timeouts = read_byte("tcp_thin_linear_timeouts", &is_read);
	sysctls->is_read = is_read;
}

void diag_sysctls_fill(struct polled_record *record, const struct diag_sysctls *sysctls)
{
	record->sysctl_keepalive_time_s = sysctls->keepalive_time_s;
	record->sysctl_keepalive_intvl_s = sysctls->keepalive_intvl_s;
	record->sysctl_fin_timeout_s = sysctls->fin_timeout_s;
	record->sysctl_keepalive_probes = sysctls->keepalive_probes;
	record->sysctl_retries1 = sysctls->retries1;
	record->sysctl_retries2 = sysctls->retries2;
	record->sysctl_orphan_retries = sysctls->orphan_retries;
	record->sysctl_syn_retries = sysctls->syn_retries;
	record->sysctl_syn_linear_timeouts = sysctls->syn_linear_timeouts;
	record->sysctl_early_retrans = sysctls->early_retrans;
	record->sysctl_thin_linear_timeouts = sysctls->thin_linear_timeouts;
	record->has_sysctls = sysctls->is_read;
}
