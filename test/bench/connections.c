// SPDX-License-Identifier: Apache-2.0
/*
 * Many TCP connections held by two processes, one of each role, in namespaces of a benchmark.
 *
 *   bench-connections listen ADDRESS FIRST_PORT PORTS    accepts and reads, never answers
 *   bench-connections connect ADDRESS FIRST_PORT PORTS   opens connections to these ports in turn
 *
 * Commands on standard input, one a line, each answered by one line; both roles end with their input.
 *
 *   listen:  await N    answered by "accepted N" once N connections in all were accepted
 *            close      closes what it accepted; answered by "closed N"
 *   connect: open N     opens N more; answered by "opened N"
 *            close N    closes the N that were opened last; answered by "closed N"
 *            send       one segment of data on each connection; answered by "sent N"
 *            trickle US the same with a pause of US microseconds after each
 *            pump N MS  for MS milliseconds as much data on each of the first N as it takes; answered by "pumped N"
 *            probe N    lets the first N send a keepalive probe every second; answered by "probing N"
 *
 * The first line of output is "ready DESCRIPTORS", how many it may have. Sockets are closed with a RST (SO_LINGER 0):
 * thousands of orphans that wait for an acknowledgement would keep a namespace alive for minutes after its end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 200000
#define PORTS_MAX 64
#define LISTEN_BACKLOG 4096
#define EPOLL_BATCH 256
#define PUMPED_MAX 64
#define DESCRIPTORS_MAX (CONNECTIONS_MAX + 1024)

/* Of the client: what it opened. The server counts what it accepted. */
static int sockets[CONNECTIONS_MAX];
static long socket_count;

/* Of the server, by descriptor. */
static bool is_accepted[DESCRIPTORS_MAX];

static void die(const char *what)
{
	fprintf(stderr, "bench-connections: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static long parse_number(const char *text, long minimum, long maximum)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || (*end && *end != '\n') || value < minimum || value > maximum) {
		fprintf(stderr, "bench-connections: \"%s\" is not a number from %ld to %ld\n", text, minimum, maximum);
		exit(2);
	}
	return value;
}

static void answer(const char *word, long count)
{
	printf("%s %ld\n", word, count);
	fflush(stdout);
}

static int open_socket(void)
{
	struct linger reset_on_close = {.l_onoff = 1, .l_linger = 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		die("socket");
	}
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_on_close, sizeof(reset_on_close))) {
		die("SO_LINGER");
	}
	return fd;
}

/* Takes as many descriptors as could be needed; without CAP_SYS_RESOURCE, as many as were given. Returns how many. */
static long raise_descriptor_limit(void)
{
	struct rlimit limit = {.rlim_cur = DESCRIPTORS_MAX, .rlim_max = DESCRIPTORS_MAX};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0) {
		return limit.rlim_cur;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit)) {
		die("RLIMIT_NOFILE");
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit)) {
		die("RLIMIT_NOFILE");
	}
	return limit.rlim_cur;
}

static void open_connections(struct sockaddr_in address, in_port_t first_port, long ports, long count)
{
	if (count > CONNECTIONS_MAX - socket_count) {
		fprintf(stderr, "bench-connections: more than %d connections\n", CONNECTIONS_MAX);
		exit(2);
	}
	for (long i = 0; i < count; i++) {
		int fd = open_socket();

		address.sin_port = htons(first_port + socket_count % ports);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
			die("connect");
		}
		sockets[socket_count++] = fd;
	}
	answer("opened", socket_count);
}

static void send_on_all(long pause_us)
{
	static const char data[100];

	for (long i = 0; i < socket_count; i++) {
		if (send(sockets[i], data, sizeof(data), MSG_DONTWAIT) != sizeof(data)) {
			die("send");
		}
		if (pause_us > 0) {
			usleep(pause_us);
		}
	}
	answer("sent", socket_count);
}

static void close_last(long count)
{
	long closed = 0;

	while (closed < count && socket_count > 0) {
		close(sockets[--socket_count]);
		closed++;
	}
	answer("closed", closed);
}

static long monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pump(long count, long duration_ms)
{
	static const char data[65536];
	struct pollfd polled[PUMPED_MAX];
	long end_ms = monotonic_ms() + duration_ms;

	count = count < socket_count ? count : socket_count;
	for (long i = 0; i < count; i++) {
		polled[i] = (struct pollfd){.fd = sockets[i], .events = POLLOUT};
	}
	for (long left_ms = duration_ms; left_ms > 0; left_ms = end_ms - monotonic_ms()) {
		if (poll(polled, count, left_ms) < 0) {
			die("poll");
		}
		for (long i = 0; i < count; i++) {
			if (polled[i].revents && send(sockets[i], data, sizeof(data), MSG_DONTWAIT) < 0 &&
			    errno != EAGAIN) {
				die("send");
			}
		}
	}
	answer("pumped", count);
}

static void pump_command(char *arguments)
{
	char *duration = strchr(arguments, ' ');

	if (!duration) {
		fprintf(stderr, "bench-connections: pump N MS\n");
		exit(2);
	}
	*duration++ = '\0';
	pump(parse_number(arguments, 1, PUMPED_MAX), parse_number(duration, 1, 600000));
}

static void probe_on(long count)
{
	int one = 1;

	for (long i = 0; i < count && i < socket_count; i++) {
		if (setsockopt(sockets[i], IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one)) ||
		    setsockopt(sockets[i], IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one)) ||
		    setsockopt(sockets[i], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one))) {
			die("SO_KEEPALIVE");
		}
	}
	answer("probing", count);
}

static int run_connect(struct sockaddr_in address, in_port_t first_port, long ports)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (strncmp(line, "open ", 5) == 0) {
			open_connections(address, first_port, ports, parse_number(line + 5, 1, CONNECTIONS_MAX));
		} else if (strcmp(line, "send\n") == 0) {
			send_on_all(0);
		} else if (strncmp(line, "trickle ", 8) == 0) {
			send_on_all(parse_number(line + 8, 1, 1000000));
		} else if (strncmp(line, "close ", 6) == 0) {
			close_last(parse_number(line + 6, 1, CONNECTIONS_MAX));
		} else if (strncmp(line, "pump ", 5) == 0) {
			pump_command(line + 5);
		} else if (strncmp(line, "probe ", 6) == 0) {
			probe_on(parse_number(line + 6, 1, CONNECTIONS_MAX));
		} else {
			fprintf(stderr, "bench-connections: unknown command %s", line);
			return 2;
		}
	}
	return EXIT_SUCCESS;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
		die("epoll_ctl");
	}
}

static void accept_all(int epoll, int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED)) {
			return;
		}
		if (fd < 0) {
			die("accept");
		}
		socket_count++;
		is_accepted[fd] = true;
		watch(epoll, fd);
	}
}

static void read_or_close(int fd)
{
	char data[4096];
	ssize_t size = read(fd, data, sizeof(data));

	if (size == 0 || (size < 0 && errno != EAGAIN)) {
		is_accepted[fd] = false;
		close(fd);
	}
}

static void close_accepted(void)
{
	long closed = 0;

	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
		if (is_accepted[fd]) {
			is_accepted[fd] = false;
			close(fd);
			closed++;
		}
	}
	answer("closed", closed);
}

/*
 * Reads one command, which is short and comes in one write. Returns the count to wait for, 0 for none, and -1 at the end of
 * input.
 */
static long read_command(void)
{
	char line[64];
	ssize_t size = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (size <= 0) {
		return -1;
	}
	line[size] = '\0';
	if (strcmp(line, "close\n") == 0) {
		close_accepted();
		return 0;
	}
	if (strncmp(line, "await ", 6) != 0) {
		fprintf(stderr, "bench-connections: unknown command %s", line);
		exit(2);
	}
	return parse_number(line + 6, 1, CONNECTIONS_MAX);
}

static int serve(int epoll, const bool *is_listener)
{
	struct epoll_event events[EPOLL_BATCH];
	long awaited = 0;

	for (;;) {
		int count = epoll_wait(epoll, events, EPOLL_BATCH, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == STDIN_FILENO) {
				awaited = read_command();
				if (awaited < 0) {
					return EXIT_SUCCESS;
				}
			} else if (fd < PORTS_MAX * 2 && is_listener[fd]) {
				accept_all(epoll, fd);
			} else {
				read_or_close(fd);
			}
		}
		if (awaited && socket_count >= awaited) {
			answer("accepted", socket_count);
			awaited = 0;
		}
	}
}

static int run_listen(struct sockaddr_in address, in_port_t first_port, long ports, long descriptors)
{
	static bool is_listener[PORTS_MAX * 2];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0) {
		die("epoll_create1");
	}
	watch(epoll, STDIN_FILENO);
	for (long i = 0; i < ports; i++) {
		int fd = open_socket(); /* what it accepts inherits SO_LINGER */

		address.sin_port = htons(first_port + i);
		if (fcntl(fd, F_SETFL, O_NONBLOCK) || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
		    listen(fd, LISTEN_BACKLOG)) {
			die("listen");
		}
		is_listener[fd] = true;
		watch(epoll, fd);
	}
	answer("ready", descriptors);
	return serve(epoll, is_listener);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	long first_port, ports, descriptors;

	signal(SIGPIPE, SIG_IGN);
	if (argc != 5 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) {
		fprintf(stderr, "usage: bench-connections listen|connect ADDRESS FIRST_PORT PORTS\n");
		return 2;
	}
	first_port = parse_number(argv[3], 1, 65535 - PORTS_MAX);
	ports = parse_number(argv[4], 1, PORTS_MAX);
	descriptors = raise_descriptor_limit();
	if (strcmp(argv[1], "listen") == 0) {
		return run_listen(address, first_port, ports, descriptors);
	}
	answer("ready", descriptors);
	return run_connect(address, first_port, ports);
}
