// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "service_manager.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* systemd reads its queue while a machine boots, too; one that takes longer than this is not going to. */
#define TELL_WAIT_MAX_S 5

int service_manager_connect(int flags)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length;
	int fd;

	if (!name || !*name) {
		errno = 0;
		return -1;
	}
	length = strlen(name);
	/* A path, or an abstract name; vsock, the third kind, leads out of a virtual machine. */
	if ((*name != '/' && *name != '@') || length < 2 || length >= sizeof(address.sun_path)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	memcpy(address.sun_path, name, length);
	if (*name == '@') {
		address.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0) {
		return -1;
	}
	/* An abstract name has no end but the length of the address. */
	if (connect(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + length)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

void service_manager_tell(const char *assignments)
{
	int fd = service_manager_connect(0);
	struct timeval wait_max = {.tv_sec = TELL_WAIT_MAX_S};

	if (fd < 0 && errno == 0) {
		return;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait_max, sizeof(wait_max)) ||
	    send(fd, assignments, strlen(assignments), MSG_NOSIGNAL) < 0) {
		fprintf(stderr, "stuckd-sensor cannot tell the service manager: %s\n", strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}
