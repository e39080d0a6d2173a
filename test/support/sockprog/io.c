// SPDX-License-Identifier: Apache-2.0
/* What sockets do when they are ready. */
#include "sockprog.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void accept_one(struct sock *listener)
{
	char id[ID_MAX * 2];
	enum mode mode = listener->mode;
	struct sock *s;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	snprintf(id, sizeof(id), "%s.%u", listener->id, ++listener->accepted);
	s = add(id, fd);
	if (!s) {
		close(fd);
		return;
	}
	s->mode = mode;
	s->rate = listener->rate ? listener->rate : 1000;
	emit("\"event\":\"accepted\",\"id\":\"%s\",\"fd\":%d", s->id, fd);
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void read_some(struct sock *s, size_t limit)
{
	ssize_t n = read(s->fd, payload, limit);

	if (n < 0) {
		if (!would_block())
			fail(s, errno);
		return;
	}
	s->received += n;
	if (n == 0) {
		s->eof = true;
		emit("\"event\":\"eof\",\"id\":\"%s\"", s->id);
	} else if (s->mode == MODE_REPORT) {
		emit("\"event\":\"data\",\"id\":\"%s\",\"bytes\":%zd,\"received\":%llu", s->id, n,
		     (unsigned long long)s->received);
	} else if (s->mode == MODE_ECHO) {
		s->to_send += n;
	}
}

bool has_to_send(const struct sock *s)
{
	return s->to_send > 0 || s->stream_until_us > 0;
}

void write_some(struct sock *s)
{
	bool streaming = s->stream_until_us > mono_us();
	size_t size = streaming || s->to_send > sizeof(payload) ? sizeof(payload) : s->to_send;
	ssize_t n = size ? write(s->fd, payload, size) : 0;

	if (n < 0) {
		if (!would_block())
			fail(s, errno);
		return;
	}
	s->sent += n;
	if (!streaming) {
		s->stream_until_us = 0;
		s->to_send -= n;
	}
	if (!has_to_send(s) && s->announce_sent) {
		s->announce_sent = false;
		emit("\"event\":\"sent\",\"id\":\"%s\",\"sent\":%llu", s->id, (unsigned long long)s->sent);
	}
}

short wanted_events(const struct sock *s)
{
	bool reads = s->mode == MODE_REPORT || s->mode == MODE_SINK || s->mode == MODE_ECHO;

	if (s->listening)
		return s->mode == MODE_NONE ? 0 : POLLIN;
	if (s->connecting)
		return POLLOUT;
	return (reads && !s->eof ? POLLIN : 0) | (has_to_send(s) ? POLLOUT : 0);
}

bool is_polled(const struct sock *s)
{
	return !s->failed && (s->listening || s->connecting || s->mode != MODE_NONE);
}

void serve(struct sock *s, short events)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (s->listening)
		return accept_one(s);
	if (s->connecting || (events & POLLERR)) {
		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &length);
		if (error || (events & POLLERR))
			return fail(s, error);
		s->connecting = false;
		emit("\"event\":\"connected\",\"id\":\"%s\"", s->id);
		return;
	}
	if (events & POLLIN)
		read_some(s, sizeof(payload));
	if (!s->failed && (events & POLLOUT) && has_to_send(s))
		write_some(s);
	/* Both directions are shut: nothing can happen any more, and poll would return for ever. */
	if (!s->failed && (events & POLLHUP) && !(events & POLLIN)) {
		s->failed = true;
		emit("\"event\":\"hangup\",\"id\":\"%s\"", s->id);
	}
	if (s->eof && !has_to_send(s) && (s->mode == MODE_ECHO || s->mode == MODE_SINK))
		drop(s);
}

bool slow_reads(void)
{
	static uint64_t next_us;
	bool any = false, due = mono_us() >= next_us;

	for (int i = 0; i < sock_count; i++) {
		struct sock *s = &socks[i];
		size_t share = s->rate / (1000 / SLOW_TICK_MS);

		if (s->mode != MODE_SLOW || s->listening || s->connecting || s->failed || s->eof)
			continue;
		any = true;
		if (due)
			read_some(s, share < 1 ? 1 : share > sizeof(payload) ? sizeof(payload) : share);
	}
	if (due)
		next_us = mono_us() + SLOW_TICK_MS * 1000;
	return any;
}
