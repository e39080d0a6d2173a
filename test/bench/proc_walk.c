// SPDX-License-Identifier: Apache-2.0
/*
 * Finds which process holds which socket as tools without BPF do: by reading the link of every descriptor of every process.
 * It stops there, with no more than the inode of each socket; a tool that wants the connection reads further files.
 *
 *   bench-proc_walk     prints how many descriptors are sockets
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long walk_descriptors(int proc, const char *pid)
{
	char path[32], target[64];
	const struct dirent *entry;
	long sockets = 0;
	DIR *directory;
	int fd;

	snprintf(path, sizeof(path), "%.16s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		return 0; /* it ended meanwhile */
	}
	while ((entry = readdir(directory))) {
		ssize_t length = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);

		if (length <= 0) {
			continue;
		}
		target[length] = '\0';
		sockets += strncmp(target, "socket:[", 8) == 0 && strtoul(target + 8, NULL, 10) > 0;
	}
	closedir(directory);
	return sockets;
}

int main(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	long sockets = 0;

	if (!proc) {
		fprintf(stderr, "bench-proc_walk: /proc: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	while ((entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			sockets += walk_descriptors(dirfd(proc), entry->d_name);
		}
	}
	printf("%ld\n", sockets);
	return EXIT_SUCCESS;
}
