// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How long a write waits for events to be written before it. */
#define PATIENCE_MS 500

void stream_init(struct stream *stream, int fd)
{
	pthread_condattr_t attributes;

	stream->fd = fd;
	stream->events_wait = false;
	stream->unfinished = 0;
	pthread_mutex_init(&stream->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&stream->calm, &attributes);
}

/*
 * Lets events go first, but not for ever: owners are in the records of a pass, though its end waits for all events from before
 * it (events_await()). To be called with the lock.
 */
static void await_calm(struct stream *stream)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (stream->events_wait && pthread_cond_timedwait(&stream->calm, &stream->lock, &until) == 0) {
	}
}

void stream_await_calm(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	await_calm(stream);
	pthread_mutex_unlock(&stream->lock);
}

int stream_write(struct stream *stream, const void *records, size_t size)
{
	const char *at = records;
	int result = 0;

	pthread_mutex_lock(&stream->lock);
	await_calm(stream);
	while (size > 0) {
		ssize_t written = write(stream->fd, at, size);

		if (written < 0) {
			if (errno == EINTR) {
				continue;
			}
			result = -errno;
			break;
		}
		at += written;
		size -= written;
	}
	pthread_mutex_unlock(&stream->lock);
	return result;
}

/* The kernel calls it writable while at most a quarter of its buffer is in use (unix_writable()), or when it is broken. */
bool stream_has_room(const struct stream *stream)
{
	struct pollfd room = {.fd = stream->fd, .events = POLLOUT};

	return poll(&room, 1, 0) > 0;
}

/* Returns how many bytes of the last record lie beyond the first `written` of these bytes. */
static size_t unfinished_after(const char *records, size_t unfinished, size_t written)
{
	size_t end = unfinished; /* of the record that an earlier call began */

	while (end < written) {
		end += ((const struct record_header *)(records + end))->size;
	}
	return end - written;
}

ssize_t stream_offer(struct stream *stream, const char *records, size_t size, bool more)
{
	ssize_t written;
	int error;

	if (!stream->unfinished) {
		if (pthread_mutex_trylock(&stream->lock)) {
			__atomic_store_n(&stream->events_wait, true, __ATOMIC_RELAXED); /* for whoever locks it next */
			return 0;
		}
	}
	do {
		written = send(stream->fd, records, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (written < 0 && errno == EINTR);
	error = written < 0 ? errno : 0;
	written = written < 0 ? 0 : written;
	stream->unfinished = unfinished_after(records, stream->unfinished, written);
	stream->events_wait = more || (size_t)written < size;
	if (error && error != EAGAIN) {
		stream->events_wait = false;
		stream->unfinished = 0;
	}
	if (!stream->unfinished) {
		if (!stream->events_wait) {
			pthread_cond_broadcast(&stream->calm);
		}
		pthread_mutex_unlock(&stream->lock);
	}
	return error && error != EAGAIN ? -error : written;
}

void stream_end(struct stream *stream)
{
	shutdown(stream->fd, SHUT_RDWR);
}

/* Returns 1, 0 if the stream ended before the first byte, -errno (-EBADMSG if it ended in between). */
static int read_exactly(int fd, void *buffer, size_t size)
{
	char *at = buffer;
	size_t left = size;

	while (left > 0) {
		ssize_t count = read(fd, at, left);

		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0 && errno != ECONNRESET) {
			return -errno;
		}
		if (count <= 0) { /* a unix socket is reset if its other end closes before it has read everything */
			return left == size ? 0 : -EBADMSG;
		}
		at += count;
		left -= count;
	}
	return 1;
}

static size_t command_size(uint16_t kind)
{
	switch (kind) {
	case COMMAND_CONFIGURE:
		return sizeof(struct configure_command);
	case COMMAND_PASS:
		return sizeof(struct pass_command);
	case COMMAND_WATCH:
	case COMMAND_UNWATCH:
		return sizeof(struct watch_command);
	case COMMAND_COUNT:
	case COMMAND_UNCOUNT:
		return sizeof(struct interest_command);
	default:
		return 0;
	}
}

int stream_read_command(struct stream *stream, union command *command)
{
	size_t header = sizeof(command->header);
	int result = read_exactly(stream->fd, &command->header, header);
	size_t size;

	if (result <= 0) {
		return result;
	}
	size = command_size(command->header.kind);
	if (size == 0 || command->header.size != size) {
		return -EBADMSG;
	}
	result = read_exactly(stream->fd, (char *)command + header, size - header);
	return result == 0 ? -EBADMSG : result;
}

void stream_fail(struct stream *stream, enum failure_code code, int error, const char *format, ...)
{
	struct failure_record record = RECORD_INIT(struct failure_record, RECORD_FAILURE, 0);
	va_list arguments;

	record.code = code;
	record.error = error < 0 ? -error : error;
	va_start(arguments, format);
	vsnprintf(record.message, sizeof(record.message), format, arguments);
	va_end(arguments);
	stream_write(stream, &record, sizeof(record));
}
