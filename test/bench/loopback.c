// SPDX-License-Identifier: Apache-2.0
/*
 * TCP connections over the loopback device, both ends held by this process, spread over network namespaces.
 *
 *   bench-loopback NAMESPACES CONNECTIONS   opens that many in all, as many in each of so many new namespaces; with 0
 *                                           namespaces, in the one in which it was started
 *
 * The first line of output is "ready FD...", the descriptors of the new namespaces. It ends with its input, which may have
 * lines of
 *
 *   churn N    opens and closes one connection after the other in N slices of 20 ms; answered by "churned COUNT...", of each
 *
 * Sockets are closed with a RST (SO_LINGER 0), so that nothing keeps a namespace alive, or a port busy.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES_MAX 1000
#define CONNECTIONS_MAX 100000
#define SLICES_MAX 10000
#define SLICE_NS 20000000ll

static void die(const char *what)
{
	fprintf(stderr, "bench-loopback: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static long parse_number(const char *text, long minimum, long maximum)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < minimum || value > maximum) {
		fprintf(stderr, "bench-loopback: \"%s\" is not a number from %ld to %ld\n", text, minimum, maximum);
		exit(2);
	}
	return value;
}

static int open_socket(void)
{
	struct linger reset_on_close = {.l_onoff = 1, .l_linger = 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_on_close, sizeof(reset_on_close))) {
		die("socket");
	}
	return fd;
}

/* Returns a descriptor by which others can enter it. */
static int enter_new_namespace(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET)) {
		die("unshare");
	}
	fd = open_socket();
	if (ioctl(fd, SIOCSIFFLAGS, &request)) {
		die("lo");
	}
	close(fd);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		die("/proc/self/ns/net");
	}
	return fd;
}

static int open_listener(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int listener = open_socket();

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(listener, (struct sockaddr *)address, size) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)address, &size)) {
		die("listen");
	}
	return listener;
}

struct connection {
	int client, server;
};

static struct connection open_connection(int listener, const struct sockaddr_in *address)
{
	struct connection connection = {.client = open_socket()};

	if (connect(connection.client, (const struct sockaddr *)address, sizeof(*address))) {
		die("connect");
	}
	connection.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection.server < 0) {
		die("accept");
	}
	return connection;
}

static void open_connections(long count)
{
	struct sockaddr_in address;
	int listener = open_listener(&address);

	for (long i = 0; i < count; i++) {
		open_connection(listener, &address);
	}
	close(listener);
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Returns how many were opened and closed by then. */
static long churn_until(int64_t end_ns, int listener, const struct sockaddr_in *address)
{
	long count = 0;

	while (monotonic_ns() < end_ns) {
		struct connection connection = open_connection(listener, address);

		close(connection.client);
		close(connection.server);
		count++;
	}
	return count;
}

static void churn(long slices)
{
	static long counts[SLICES_MAX];
	struct sockaddr_in address;
	int listener = open_listener(&address);
	int64_t start_ns = monotonic_ns();

	for (long i = 0; i < slices; i++) {
		counts[i] = churn_until(start_ns + (i + 1) * SLICE_NS, listener, &address);
	}
	close(listener);
	printf("churned");
	for (long i = 0; i < slices; i++) {
		printf(" %ld", counts[i]);
	}
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	long namespaces, connections;
	char line[64];

	if (argc != 3) {
		fprintf(stderr, "usage: bench-loopback NAMESPACES CONNECTIONS\n");
		return 2;
	}
	namespaces = parse_number(argv[1], 0, NAMESPACES_MAX);
	connections = parse_number(argv[2], 1, CONNECTIONS_MAX);
	if (!namespaces) {
		open_connections(connections);
	}
	printf("ready");
	for (long i = 0; i < namespaces; i++) {
		printf(" %d", enter_new_namespace());
		open_connections(connections * (i + 1) / namespaces - connections * i / namespaces);
	}
	printf("\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "churn ", 6) != 0) {
			fprintf(stderr, "bench-loopback: unknown command %s\n", line);
			return 2;
		}
		churn(parse_number(line + 6, 1, SLICES_MAX));
	}
	return EXIT_SUCCESS;
}
