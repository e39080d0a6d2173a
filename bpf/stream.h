/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records out, commands in, over one stream. Passes block when the daemon is slow, events wait in a queue (events.c). */
#ifndef STUCKD_STREAM_H
#define STUCKD_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sensor_wire.h"

struct stream {
	int fd;
	pthread_mutex_t lock; /* one writer at a time; whole records only */
	pthread_cond_t calm;  /* `events_wait` is false again */
	bool events_wait;     /* passes let events go first: they are older, and cannot be read again */
	size_t unfinished;    /* bytes left of the record that stream_offer() has begun; it holds the lock until then */
};

/* Any command; `header.kind` says which. */
union command {
	struct record_header header;
	struct configure_command configure;
	struct pass_command pass;
	struct watch_command watch;
	struct interest_command interest;
};

void stream_init(struct stream *stream, int fd);

/* Writes `size` bytes, which are whole records. Returns 0, or -errno if the stream is broken. */
int stream_write(struct stream *stream, const void *records, size_t size);

/* Waits until no event waits to be written, half a second at most: what is read from the kernel afterwards is newer. */
void stream_await_calm(struct stream *stream);

/* Whether a write can be expected not to wait: the daemon has read most of what it was sent. */
bool stream_has_room(const struct stream *stream);

/*
 * Writes what the daemon takes without waiting, of `size` bytes that go on where the last call stopped; for the thread of
 * the events alone. `more` says that further bytes wait behind these. Returns how many were written, perhaps none, or
 * -errno if the stream is broken.
 */
ssize_t stream_offer(struct stream *stream, const char *records, size_t size, bool more);

/* Ends the stream for both sides, so that whoever reads or writes it returns: a thread that gives up ends the process. */
void stream_end(struct stream *stream);

/* Reads one command. Returns 1, 0 at the end of the stream, -errno on a broken stream, -EBADMSG on nonsense. */
int stream_read_command(struct stream *stream, union command *command);

/* Writes a failure record; `format` makes its message. */
void stream_fail(struct stream *stream, enum failure_code code, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Starts a record: everything 0 but the header. */
#define RECORD_INIT(type, kind_, cause_)                                              \
	{                                                                             \
		.header = {.size = sizeof(type), .kind = (kind_), .cause = (cause_) } \
	}

#endif
