// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_totals.h"

#include <errno.h>
#include <string.h>

#include "clocks.h"
#include "diag_conditions.h"
#include "diag_listeners.h"

static const __u8 MAPPED[12] = {[10] = 0xff, [11] = 0xff};
static const __u8 LOOPBACK6[16] = {[15] = 1};

/* 127.0.0.0/8, as IPv4-mapped address, or ::1. */
static bool is_loopback(const __u8 address[16])
{
	return memcmp(address, MAPPED, sizeof(MAPPED)) == 0 ? address[12] == 127
							    : memcmp(address, LOOPBACK6, sizeof(LOOPBACK6)) == 0;
}

int diag_totals_command(struct session *session, const struct interest_command *command)
{
	struct diag_wanted *wanted = &session->diag->wanted;
	struct interest_key key = {
		.kind = command->interest_kind,
		.number = command->number,
		.netns = command->netns,
	};
	struct diag_interest *interest;

	if (key.kind < INTEREST_PEER || key.kind > INTEREST_PROCESS || !command->interest_id) {
		return -EBADMSG;
	}
	memcpy(key.address, command->address, sizeof(key.address));
	pthread_mutex_lock(&wanted->lock);
	interest = diag_table_find(&wanted->interests, &key);
	if (command->header.kind == COMMAND_UNCOUNT) {
		if (interest) {
			diag_table_remove(&wanted->interests, interest);
		}
	} else if (interest || !(interest = diag_table_add(&wanted->interests, &key))) {
		wanted->count_rejected++;
	} else {
		interest->id = command->interest_id;
	}
	pthread_mutex_unlock(&wanted->lock);
	return 0;
}

void diag_totals_begin(struct diag_pass *pass)
{
	struct diag_wanted *wanted = &pass->diag->wanted;
	struct diag_table *counted = &pass->diag->counted;

	diag_table_clear(counted);
	diag_table_clear(&pass->diag->holdings);
	pthread_mutex_lock(&wanted->lock);
	for (uint32_t i = 0; i < wanted->interests.count; i++) {
		const struct diag_interest *interest = diag_table_at(&wanted->interests, i);
		struct diag_interest *mine = diag_table_add(counted, &interest->key);

		if (mine) {
			mine->id = interest->id;
			mine->heard_age_ms = UINT32_MAX;
		}
	}
	pthread_mutex_unlock(&wanted->lock);
	pass->counts = counted->count > 0;
}

static struct diag_interest *find_peer(const struct diag_pass *pass, const struct polled_record *r)
{
	struct interest_key key = {.kind = INTEREST_PEER, .number = r->remote_port};

	memcpy(key.address, r->remote_address, sizeof(key.address));
	if (is_loopback(r->remote_address)) {
		key.netns = pass->netns;
	}
	return diag_table_find(&pass->diag->counted, &key);
}

static struct diag_interest *find_listener(const struct diag_pass *pass, const struct polled_record *r)
{
	struct interest_key key = {.kind = INTEREST_LISTENER, .number = r->local_port};
	struct diag_interest *interest = diag_table_find(&pass->diag->counted, &key);

	if (!interest || r->state == DIAG_SYN_SENT ||
	    !diag_listeners_had(pass->diag, pass->netns, r->local_port, r->mono_us)) {
		return NULL;
	}
	return interest;
}

/* Returns the number of the interest plus one, 0 if there is none. */
static __u16 count_for(const struct diag_pass *pass, struct diag_interest *interest, const struct polled_record *r)
{
	if (!interest) {
		return 0;
	}
	interest->connections++;
	if (r->state == DIAG_SYN_SENT) {
		interest->connecting++;
	} else if (r->last_ack_recv_ms < interest->heard_age_ms) {
		interest->heard_age_ms = r->last_ack_recv_ms;
	}
	return (__u16)(interest - (struct diag_interest *)diag_table_at(&pass->diag->counted, 0) + 1);
}

void diag_totals_note(struct diag_pass *pass, const struct diag_socket *socket, struct diag_inode *inode)
{
	const struct polled_record *r = &socket->record;
	__u16 peer, listener;

	if (!pass->counts || !r->inode) { /* orphans, and what nobody has accepted yet, are not held */
		return;
	}
	peer = count_for(pass, find_peer(pass, r), r);
	listener = count_for(pass, find_listener(pass, r), r);
	if (inode) {
		inode->peer = peer;
		inode->listener = listener;
	}
}

bool diag_totals_wants_process(const struct diag *diag, __u32 tgid)
{
	struct interest_key key = {.kind = INTEREST_PROCESS, .number = tgid};

	return diag_table_find(&diag->counted, &key) != NULL;
}

void diag_totals_hold(struct diag *diag, __u32 tgid, __u64 start_boot_us, __u32 interest_id, __u32 connections)
{
	struct holding_key key = {.tgid = tgid, .interest_id = interest_id};
	struct diag_holding *holding = diag_table_add(&diag->holdings, &key);

	if (!holding) {
		diag->holdings_dropped += connections;
		return;
	}
	holding->start_boot_us = start_boot_us;
	holding->connections += connections;
}

static bool hold_for(struct diag *diag, __u16 number, __u32 tgid, __u64 start_boot_us)
{
	const struct diag_interest *interest;

	if (!number) {
		return false;
	}
	interest = diag_table_at(&diag->counted, number - 1);
	diag_totals_hold(diag, tgid, start_boot_us, interest->id, 1);
	return true;
}

bool diag_totals_note_holder(struct diag_pass *pass, struct diag_inode *inode, __u32 tgid, __u64 start_boot_us)
{
	bool of_peer, of_listener;

	of_peer = hold_for(pass->diag, inode->peer, tgid, start_boot_us);
	of_listener = hold_for(pass->diag, inode->listener, tgid, start_boot_us);
	return of_peer || of_listener;
}

void diag_totals_write(struct diag_pass *pass)
{
	struct diag *diag = pass->diag;

	for (uint32_t i = 0; i < diag->holdings.count; i++) {
		const struct diag_holding *holding = diag_table_at(&diag->holdings, i);
		struct holding_record record = RECORD_INIT(struct holding_record, RECORD_HOLDING, 0);

		record.start_boot_us = holding->start_boot_us;
		record.tgid = holding->key.tgid;
		record.interest_id = holding->key.interest_id;
		record.connections = holding->connections;
		record.pass_id = pass->edge.pass_id;
		diag_output_add(&diag->output, &record);
	}
	for (uint32_t i = 0; i < diag->counted.count; i++) {
		const struct diag_interest *interest = diag_table_at(&diag->counted, i);
		struct interest_record record = RECORD_INIT(struct interest_record, RECORD_INTEREST, 0);
		__u64 age_ms = interest->heard_age_ms;

		if (interest->key.kind == INTEREST_PROCESS) {
			continue;
		}
		record.interest_id = interest->id;
		record.connections = interest->connections;
		record.connecting = interest->connecting;
		record.heard_age_jiffies = age_ms == UINT32_MAX ? UINT32_MAX : (__u32)(age_ms * clock_hz() / 1000);
		record.pass_id = pass->edge.pass_id;
		diag_output_add(&diag->output, &record);
	}
}
