// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * stuckd-notify-exec PROGRAM [ARGUMENT...]: becomes PROGRAM, with a descriptor on which it can talk to systemd.
 *
 * Node.js has no datagram sockets of the AF_UNIX family, so it cannot open $NOTIFY_SOCKET; but it can write to a
 * descriptor that it finds open. This program connects it, says its number in STUCKD_NOTIFY_FD, and is gone. The process
 * stays the same, so systemd sees notifications of the main process of the unit (NotifyAccess=main), no further process
 * runs, and a notification costs one write.
 *
 * It is a program apart from the sensor, since that file may carry capabilities, with which nothing but a sensor should run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service_manager.h"

int main(int argc, char **argv)
{
	char number[16];
	int fd;

	if (argc < 2) {
		fprintf(stderr, "usage: stuckd-notify-exec PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	fd = service_manager_connect();
	if (fd < 0 && errno) {
		/* Going on would let the service manager wait for a word that cannot come. */
		fprintf(stderr, "stuckd-notify-exec: NOTIFY_SOCKET (%s) cannot be used: %s\n", getenv("NOTIFY_SOCKET"),
			strerror(errno));
		return EXIT_FAILURE;
	}
	if (fd >= 0) {
		snprintf(number, sizeof(number), "%d", fd);
		if (fcntl(fd, F_SETFD, 0) || setenv("STUCKD_NOTIFY_FD", number, 1)) {
			perror("stuckd-notify-exec");
			return EXIT_FAILURE;
		}
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "stuckd-notify-exec cannot start %s: %s\n", argv[1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
