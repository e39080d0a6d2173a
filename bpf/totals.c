// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "totals.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "interests.h"
#include "tcp_sensor.skel.h"

/* Entries that are read at once: more than any bucket of the kernel's tables holds. */
#define BATCH 256

static volatile uint32_t *counter_of(const struct session *session, uint32_t kind)
{
	struct tcp_sensor__bss *bss = session->skeleton->bss;

	switch (kind) {
	case INTEREST_PEER:
		return &bss->peer_interest_count;
	case INTEREST_LISTENER:
		return &bss->listener_interest_count;
	case INTEREST_PROCESS:
		return &bss->process_interest_count;
	default:
		return NULL;
	}
}

static void start_counting(struct session *session, const struct interest_key *key, uint32_t id)
{
	struct interest interest = {.id = id};
	int map_fd = bpf_map__fd(session->skeleton->maps.interests);
	int error;

	pthread_mutex_lock(&session->lock);
	interest.added_pass = session->skeleton->bss->pass_id;
	error = bpf_map_update_elem(map_fd, key, &interest, BPF_NOEXIST) ? errno : 0;
	pthread_mutex_unlock(&session->lock);
	if (!error) {
		*counter_of(session, key->kind) += 1;
	} else {
		session->count_rejected++;
	}
}

int totals_command(struct session *session, const struct interest_command *command)
{
	struct interest_key key = {
		.kind = command->interest_kind,
		.number = command->number,
		.netns = command->netns,
	};

	if (!counter_of(session, key.kind) || !command->interest_id) {
		return -EBADMSG;
	}
	memcpy(key.address, command->address, sizeof(key.address));
	if (command->header.kind == COMMAND_COUNT) {
		start_counting(session, &key, command->interest_id);
	} else if (bpf_map_delete_elem(bpf_map__fd(session->skeleton->maps.interests), &key) == 0) {
		*counter_of(session, key.kind) -= 1;
	}
	return 0;
}

bool totals_wanted(const struct session *session)
{
	const struct tcp_sensor__bss *bss = session->skeleton->bss;

	return bss->peer_interest_count || bss->listener_interest_count || bss->process_interest_count;
}

/* Interests that came while the sweep ran are left out: it may have passed by some of their connections. */
static int write_interests(struct session *session, uint32_t pass_id, uint32_t *read_error)
{
	static struct interest_key keys[BATCH];
	static struct interest values[BATCH];
	static struct interest_record records[BATCH];
	int map_fd = bpf_map__fd(session->skeleton->maps.interests);
	uint32_t position, *previous = NULL;
	int result = 0, error = 0;

	while (!result && !error) {
		uint32_t count = BATCH, written = 0;

		result = bpf_map_lookup_batch(map_fd, previous, &position, keys, values, &count, NULL);
		if (result && errno != ENOENT) { /* ENOENT: these are the last */
			*read_error = errno;
			return 0;
		}
		previous = &position;
		for (uint32_t i = 0; i < count; i++) {
			struct interest_record record = RECORD_INIT(struct interest_record, RECORD_INTEREST, 0);
			const struct interest *interest = &values[i];

			if (keys[i].kind == INTEREST_PROCESS || interest->added_pass == pass_id) {
				continue;
			}
			record.succeeded = interest->succeeded;
			record.failed = interest->failed;
			record.last_success_us = interest->last_success_us;
			record.last_failure_us = interest->last_failure_us;
			record.interest_id = interest->id;
			record.heard_age_jiffies = UINT32_MAX;
			if (interest->counted_pass == pass_id) {
				record.connections = interest->connections;
				record.connecting = interest->connecting;
				record.heard_age_jiffies = interest->heard_age_jiffies;
			}
			record.pass_id = pass_id;
			records[written++] = record;
		}
		error = stream_write(&session->stream, records, written * sizeof(records[0]));
	}
	return error;
}

static int write_holdings(struct session *session, uint32_t pass_id, uint32_t *read_error)
{
	static struct holding_key keys[BATCH];
	static struct holding values[BATCH];
	static struct holding_record records[BATCH];
	int map_fd = bpf_map__fd(session->skeleton->maps.holdings);
	uint32_t position, *previous = NULL;
	int result = 0, error = 0;

	while (!result && !error) {
		uint32_t count = BATCH;

		result = bpf_map_lookup_and_delete_batch(map_fd, previous, &position, keys, values, &count, NULL);
		if (result && errno != ENOENT) {
			*read_error = errno;
			return 0;
		}
		previous = &position;
		for (uint32_t i = 0; i < count; i++) {
			struct holding_record record = RECORD_INIT(struct holding_record, RECORD_HOLDING, 0);

			record.start_boot_us = values[i].start_boot_us;
			record.tgid = keys[i].tgid;
			record.interest_id = keys[i].interest_id;
			record.connections = values[i].connections;
			record.pass_id = pass_id;
			records[i] = record;
		}
		error = stream_write(&session->stream, records, count * sizeof(records[0]));
	}
	return error;
}

int totals_write(struct session *session, uint32_t pass_id, uint32_t *read_error)
{
	int error = write_holdings(session, pass_id, read_error);

	return error ? error : write_interests(session, pass_id, read_error);
}
