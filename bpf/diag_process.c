// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h; field 9 of /proc/PID/stat */

/* What is taken from /proc/PID/stat; proc_pid_stat(5). */
struct stat_line {
	char comm[16];
	__u32 parent_tgid;
	unsigned long flags;
	__u64 start_us;
};

/* Returns how much was read, with a 0 behind it; 0 if there is nothing. */
static size_t read_file(__u32 tgid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", tgid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0) {
		close(fd);
	}
	length = length < 0 ? 0 : length;
	text[length] = '\0';
	return length;
}

/* The name is in parentheses, and may hold anything, parentheses too. */
static bool read_stat(__u32 tgid, struct stat_line *line)
{
	char text[512];
	const char *open_at, *close_at;
	unsigned long long ticks;
	size_t length;

	read_file(tgid, "stat", text, sizeof(text));
	open_at = strchr(text, '(');
	close_at = strrchr(text, ')');
	if (!open_at || !close_at ||
	    sscanf(close_at + 1, " %*c %u %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &line->parent_tgid, &line->flags, &ticks) != 3) {
		return false;
	}
	length = close_at - open_at - 1;
	length = length < sizeof(line->comm) ? length : sizeof(line->comm) - 1;
	memset(line->comm, 0, sizeof(line->comm));
	memcpy(line->comm, open_at + 1, length);
	line->start_us = ticks * 1000000 / sysconf(_SC_CLK_TCK);
	return true;
}

__u64 diag_process_start_us(__u32 tgid)
{
	struct stat_line line;

	return read_stat(tgid, &line) ? line.start_us : 0;
}

bool diag_process_is_kernel_thread(__u32 tgid)
{
	struct stat_line line;

	return read_stat(tgid, &line) && (line.flags & PF_KTHREAD);
}

/* The effective user; the owner of /proc/PID is root for those that must not be looked into. */
static __u32 read_uid(__u32 tgid)
{
	char text[1024];
	const char *at;
	__u32 uid = 0;

	read_file(tgid, "status", text, sizeof(text));
	at = strstr(text, "\nUid:");
	return at && sscanf(at, "\nUid: %*u %u", &uid) == 1 ? uid : 0;
}

/* The id of a cgroup of version 2 is the inode of its directory (kernfs_ino()); 0 if that is not to be seen. */
static __u64 read_cgroup_id(__u32 tgid)
{
	static const char *const ROOTS[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	char text[4096], path[4096 + 64];
	char *at;
	struct stat status;

	read_file(tgid, "cgroup", text, sizeof(text));
	at = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!at) {
		return 0;
	}
	at += *at == '\n' ? 4 : 3;
	at[strcspn(at, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(ROOTS) / sizeof(ROOTS[0]); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", ROOTS[i]);
		if (access(path, F_OK) == 0) {
			snprintf(path, sizeof(path), "%s%s", ROOTS[i], at);
			return stat(path, &status) ? 0 : status.st_ino;
		}
	}
	return 0;
}

/* Its path, or its last component if that is longer than our room, or its name if the link must not be read. */
static void fill_executable(struct process_record *record)
{
	char link[64], path[4096];
	const char *name = path;
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%u/exe", record->tgid);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0) {
		snprintf(record->executable, sizeof(record->executable), "%s", record->comm);
		return;
	}
	path[length] = '\0';
	if ((size_t)length >= sizeof(record->executable)) {
		name = strrchr(path, '/') + 1;
	}
	snprintf(record->executable, sizeof(record->executable), "%.255s", name);
}

bool diag_process_fill(struct process_record *record, __u32 tgid)
{
	struct stat_line line;

	memset(record, 0, sizeof(*record));
	if (!read_stat(tgid, &line)) {
		return false;
	}
	record->header.size = sizeof(*record);
	record->header.kind = RECORD_PROCESS;
	record->start_boot_us = line.start_us;
	record->cgroup_id = read_cgroup_id(tgid);
	record->tgid = tgid;
	record->parent_tgid = line.parent_tgid;
	record->uid = read_uid(tgid);
	memcpy(record->comm, line.comm, sizeof(record->comm));
	fill_executable(record);
	return true;
}
