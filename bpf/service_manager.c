// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "service_manager.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int service_manager_connect(void)
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
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
	int fd = service_manager_connect();

	if (fd >= 0) {
		send(fd, assignments, strlen(assignments), MSG_NOSIGNAL);
		close(fd);
	}
}
