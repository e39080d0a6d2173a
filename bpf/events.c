// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Events from the ring buffer to the stream.
 *
 * A peer that vanishes under 50,000 connections makes as many events in half a second, and the daemon needs some seconds
 * for them. The ring buffer is too small for that, and to make it larger would cost its size in memory at all times. So
 * this thread never waits for the daemon: what it does not take at once is queued here, and the memory goes back when it
 * has. Beyond the bound of the queue events stay in the ring buffer, and what finds no room there is counted as dropped.
 */
#include "events.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"
#include "tcp_sensor.skel.h"

#define CHUNK_SIZE (256 * 1024)

/* Some 100,000 events. */
#define QUEUE_MAX (32 * 1024 * 1024)

/* While events come faster than they are taken, this much is taken before the daemon is offered some. */
#define TAKEN_MAX CHUNK_SIZE

/* How long to wait before it is asked again whether events have left. */
#define AWAIT_MIN_US 500
#define AWAIT_MAX_US 16000

/* How long to wait before the daemon is offered again what it did not take; doubled while it takes nothing. */
#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 16

/* Whole records, the first `sent` bytes of which are on their way. */
struct chunk {
	struct chunk *next;
	size_t used;
	size_t sent;
	char records[CHUNK_SIZE];
};

struct queue {
	struct chunk *first;
	struct chunk *last; /* there is always one, so that a lone event needs no memory */
	size_t size;        /* of all chunks, bytes not yet sent */
};

struct events {
	struct session *session;
	struct queue queue;
	size_t taken; /* from the ring buffer in one go, bytes */
};

/* Mapped, not allocated: what malloc() got for a storm it would keep, since the last chunk is never freed. */
static struct chunk *add_chunk(struct queue *queue)
{
	struct chunk *chunk = mmap(NULL, sizeof(*chunk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED) {
		return NULL;
	}
	if (queue->last) {
		queue->last->next = chunk;
	} else {
		queue->first = chunk;
	}
	queue->last = chunk;
	return chunk;
}

/* So many bytes of events need not be waited for any more. */
static void note_gone(struct events *events, size_t size)
{
	__atomic_fetch_add(&events->session->event_bytes_gone, size, __ATOMIC_RELEASE);
}

/*
 * Returns -EXFULL, with the record taken, once the queue is full, or enough was taken for the daemon to get some of it:
 * libbpf then leaves the next ones in the ring buffer.
 */
static int on_ring_record(void *context, void *data, size_t size)
{
	struct events *events = context;
	struct queue *queue = &events->queue;
	struct chunk *chunk = queue->last;

	if (chunk->used + size > CHUNK_SIZE) {
		chunk = add_chunk(queue);
	}
	if (!chunk) {
		__sync_fetch_and_add(&events->session->skeleton->bss->ring_dropped, 1);
		note_gone(events, size);
		return -EXFULL;
	}
	memcpy(chunk->records + chunk->used, data, size);
	chunk->used += size;
	queue->size += size;
	events->taken += size;
	return queue->size < QUEUE_MAX && events->taken < TAKEN_MAX ? 0 : -EXFULL;
}

/* What was sent is forgotten; the last chunk stays for what comes. */
static void release_sent(struct queue *queue)
{
	struct chunk *chunk = queue->first;

	if (chunk == queue->last) {
		chunk->used = chunk->sent = 0;
	} else {
		queue->first = chunk->next;
		munmap(chunk, sizeof(*chunk));
	}
}

/* Returns how many bytes the daemon took, or -errno if the stream is broken. */
static ssize_t offer_queue(struct events *events)
{
	struct queue *queue = &events->queue;
	ssize_t sum = 0;

	while (queue->size > 0) {
		struct chunk *chunk = queue->first;
		size_t left = chunk->used - chunk->sent;
		ssize_t taken =
			stream_offer(&events->session->stream, chunk->records + chunk->sent, left, left < queue->size);

		if (taken < 0) {
			return taken;
		}
		sum += taken;
		note_gone(events, taken);
		chunk->sent += taken;
		queue->size -= taken;
		if ((size_t)taken < left) {
			break;
		}
		release_sent(queue);
	}
	return sum;
}

/* Takes what is in the ring buffer; waits for something, for ever if nothing is queued. */
static int take_events(struct ring_buffer *ring, struct events *events, int retry_ms)
{
	const struct queue *queue = &events->queue;
	int result;

	events->taken = 0;
	if (queue->size >= QUEUE_MAX) {
		usleep(retry_ms * 1000);
		return 0;
	}
	result = ring_buffer__poll(ring, queue->size ? retry_ms : -1);
	return result == -EXFULL || result == -EINTR ? 0 : result;
}

void events_await(const struct session *session, uint64_t count)
{
	/* Whatever the programs write to the ring buffer is a record of a socket. */
	uint64_t size = count * sizeof(struct socket_record);
	useconds_t pause_us = AWAIT_MIN_US;

	while (__atomic_load_n(&session->event_bytes_gone, __ATOMIC_ACQUIRE) < size) {
		usleep(pause_us);
		pause_us = pause_us * 2 < AWAIT_MAX_US ? pause_us * 2 : AWAIT_MAX_US;
	}
}

void *events_run(void *argument)
{
	struct events events = {.session = argument};
	struct stream *stream = &events.session->stream;
	int ring_fd = bpf_map__fd(events.session->skeleton->maps.ring);
	struct ring_buffer *ring = ring_buffer__new(ring_fd, on_ring_record, &events, NULL);
	int retry_ms = RETRY_MIN_MS;
	ssize_t result = ring ? 0 : -errno;

	if (!ring) {
		stream_fail(stream, FAILURE_INTERNAL, result, "the ring buffer cannot be read: %s", strerror(-result));
	} else if (!add_chunk(&events.queue)) {
		result = -ENOMEM;
		stream_fail(stream, FAILURE_INTERNAL, ENOMEM, "no memory for events");
	}
	while (result >= 0) {
		result = take_events(ring, &events, retry_ms);
		if (result >= 0) {
			result = offer_queue(&events);
			retry_ms = result > 0 ? RETRY_MIN_MS : retry_ms * 2;
			retry_ms = retry_ms < RETRY_MAX_MS ? retry_ms : RETRY_MAX_MS;
		}
	}
	stream_end(stream);
	return NULL;
}
