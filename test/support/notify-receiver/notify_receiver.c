/*
 * notify_receiver ADDRESS: takes notifications as systemd does. ADDRESS is a path, or a name in the abstract namespace after
 * an "@". Prints "ready", then each datagram as "PID HEX", with the process that has sent it; ends with its standard input.
 */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int open_receiver(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), on = 1;

	if (length >= sizeof(address.sun_path)) {
		return -1;
	}
	memcpy(address.sun_path, name, length);
	if (*name == '@') {
		address.sun_path[0] = '\0';
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + length) ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))) {
		return -1;
	}
	return fd;
}

static void take(int fd)
{
	unsigned char text[4096];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = {text, sizeof(text)};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, 0);
	struct ucred sender = {0};

	if (size < 0) {
		return;
	}
	if (CMSG_FIRSTHDR(&message)) {
		memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
	}
	printf("%d ", sender.pid);
	for (ssize_t i = 0; i < size; i++) {
		printf("%02x", text[i]);
	}
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open_receiver(argv[1]) : -1;

	if (fd < 0) {
		perror("notify_receiver");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};

		if (poll(wait, 2, -1) < 0) {
			return 1;
		}
		if (wait[0].revents) {
			take(fd);
		} else if (wait[1].revents) {
			return 0;
		}
	}
}
