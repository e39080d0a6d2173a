// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Two threads write records of many sizes to one stream with a small buffer, as the threads of the sensor do: one offers
 * them (stream_offer(), never waits), the other writes them (stream_write()). The reader begins when an offer has ended within a
 * record and the other thread has waited for longer than it has patience with events; it checks that each record is whole and
 * that those of a thread come in order.
 *
 *   stream-offer RECORDS    of each thread; answered by "offered N, written N, interrupted N, alternations N": how often an
 *                           offer ended within a record, and how often the thread changed from one record to the next
 *
 * The first record that is torn ends it, with exit status 1.
 */
#include "../../../bpf/stream.c"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define OFFERED 1
#define WRITTEN 2
#define BATCH 16

/* The unix socket takes what fits and no more, in pieces of half of this, so that no piece ends where a record does. */
#define BUFFER_SIZE 4608

struct numbered {
	struct record_header header; /* kind: the thread */
	uint32_t number;
	unsigned char filling[];
};

static struct stream stream;
static uint32_t records;
static uint32_t interrupted;
static _Atomic bool begun; /* an offer wrote only a part of what it had */

static void fail(const char *what, uint32_t number)
{
	fprintf(stderr, "stream-offer: %s, behind %u records\n", what, number);
	exit(1);
}

static size_t size_of(uint32_t number)
{
	return sizeof(struct numbered) + 1 + number * 37 % (SENSOR_RECORD_MAX - sizeof(struct numbered));
}

/* Returns how many bytes were filled with up to BATCH records. */
static size_t fill(char *at, uint16_t kind, uint32_t *next)
{
	size_t filled = 0;

	for (int i = 0; i < BATCH && *next < records; i++, (*next)++) {
		struct numbered header = {{.size = size_of(*next), .kind = kind}, .number = *next};

		memset(at + filled, kind * 16 + *next % 16, header.header.size);
		memcpy(at + filled, &header, sizeof(header));
		filled += header.header.size;
	}
	return filled;
}

static void *offer(void *unused)
{
	static char batch[BATCH * SENSOR_RECORD_MAX];
	uint32_t next = 0;
	size_t size;

	(void)unused;
	while ((size = fill(batch, OFFERED, &next)) > 0) {
		poll(NULL, 0, 1); /* events come in bursts: in between others write */
		for (size_t done = 0; done < size;) {
			struct pollfd room = {.fd = stream.fd, .events = POLLOUT};
			ssize_t written = stream_offer(&stream, batch + done, size - done, false);

			if (written < 0) {
				fail("an offer failed", next);
			}
			interrupted += stream.unfinished > 0;
			done += written;
			begun |= done > 0 && done < size;
			poll(&room, 1, written > 0 ? 0 : 1);
		}
	}
	return NULL;
}

static void *write_all(void *unused)
{
	static char batch[BATCH * SENSOR_RECORD_MAX];
	uint32_t next = 0;
	size_t size;

	(void)unused;
	while ((size = fill(batch, WRITTEN, &next)) > 0) {
		if (stream_write(&stream, batch, size)) {
			fail("a write failed", next);
		}
	}
	return NULL;
}

static bool is_filled(const struct numbered *record)
{
	for (size_t i = 0; i < record->header.size - sizeof(*record); i++) {
		if (record->filling[i] != (unsigned char)(record->header.kind * 16 + record->number % 16)) {
			return false;
		}
	}
	return true;
}

/* Returns how often the thread changed. */
static uint32_t check_all(int fd)
{
	static union {
		struct numbered record;
		char bytes[SENSOR_RECORD_MAX];
	} next;
	uint32_t seen[] = {[OFFERED] = 0, [WRITTEN] = 0};
	uint32_t alternations = 0, last = 0;
	for (uint32_t count = 0; count < 2 * records; count++) {
		struct record_header *header = &next.record.header;

		if (read_exactly(fd, &next, sizeof(next.record)) <= 0 ||
		    (header->kind != OFFERED && header->kind != WRITTEN) || next.record.number != seen[header->kind] ||
		    header->size != size_of(next.record.number)) {
			fail("a record does not begin where it should", count);
		}
		if (read_exactly(fd, next.bytes + sizeof(next.record), header->size - sizeof(next.record)) <= 0 ||
		    !is_filled(&next.record)) {
			fail("a record is torn", count);
		}
		seen[header->kind]++;
		alternations += header->kind != last;
		last = header->kind;
	}
	return alternations;
}

int main(int count, char **arguments)
{
	int size = BUFFER_SIZE / 2; /* the kernel doubles it (socket(7)) */
	int ends[2];
	pthread_t threads[2];
	uint32_t alternations;

	records = count == 2 ? strtoul(arguments[1], NULL, 10) : 0;
	if (!records || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ||
	    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size))) {
		fail("usage: stream-offer RECORDS", 0);
	}
	stream_init(&stream, ends[0]);
	if (pthread_create(&threads[0], NULL, offer, NULL)) {
		fail("no thread", 0);
	}
	while (!begun) {
		sched_yield();
	}
	if (pthread_create(&threads[1], NULL, write_all, NULL)) {
		fail("no thread", 0);
	}
	poll(NULL, 0, 2 * PATIENCE_MS);
	alternations = check_all(ends[1]);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	printf("offered %u, written %u, interrupted %u, alternations %u\n", records, records, interrupted,
	       alternations);
	return 0;
}
