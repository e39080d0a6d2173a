// SPDX-License-Identifier: Apache-2.0
/* The table of sockets, and the lines that are reported about them. */
#include "sockprog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct sock socks[SOCKETS_MAX];
int sock_count;
unsigned long seq;
char payload[65536];

uint64_t mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* One line is one write, so that lines of several processes on one pipe do not mix (PIPE_BUF). */
void emit(const char *format, ...)
{
	char line[1024];
	va_list args;
	int n = snprintf(line, sizeof(line), "{\"pid\":%d,\"monoUs\":%llu,", getpid(), (unsigned long long)mono_us());

	va_start(args, format);
	n += vsnprintf(line + n, sizeof(line) - n - 2, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 3)
		n = sizeof(line) - 3;
	line[n++] = '}';
	line[n++] = '\n';
	for (int done = 0; done < n;) {
		ssize_t w = write(STDOUT_FILENO, line + done, n - done);

		if (w < 0 && errno != EINTR)
			exit(1);
		done += w > 0 ? w : 0;
	}
}

void reply_ok(void)
{
	emit("\"seq\":%lu,\"ok\":true", seq);
}

void reply_error(const char *call, int error)
{
	const char *name = strerrorname_np(error);

	emit("\"seq\":%lu,\"ok\":false,\"call\":\"%s\",\"errno\":\"%s\"", seq, call, name ? name : "?");
}

struct sock *find(const char *id)
{
	for (int i = 0; i < sock_count; i++)
		if (strcmp(socks[i].id, id) == 0)
			return &socks[i];
	return NULL;
}

struct sock *add(const char *id, int fd)
{
	struct sock *s;

	if (sock_count == SOCKETS_MAX || strlen(id) >= ID_MAX || find(id)) {
		errno = sock_count == SOCKETS_MAX ? ENFILE : EEXIST;
		return NULL;
	}
	s = &socks[sock_count++];
	memset(s, 0, sizeof(*s));
	strcpy(s->id, id);
	s->fd = fd;
	s->mode = MODE_REPORT;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return s;
}

void drop(struct sock *s)
{
	close(s->fd);
	*s = socks[--sock_count];
}

void fail(struct sock *s, int error)
{
	const char *name = strerrorname_np(error);

	s->failed = true;
	s->to_send = s->stream_until_us = 0;
	emit("\"event\":\"error\",\"id\":\"%s\",\"errno\":\"%s\"", s->id, name ? name : "?");
}
