// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_listeners.h"

#include "diag_conditions.h"

/* Ports change their use; as had_listener() of the BPF programs. */
#define MEMORY_US 600000000ull

static struct diag_listener *of_pass(struct diag_pass *pass, __u32 port)
{
	struct diag_listener_key key = {.netns = pass->netns, .port = port};
	struct diag_listener *listener = diag_table_add(&pass->diag->listeners, &key);

	if (listener && listener->pass_id != pass->edge.pass_id) {
		listener->pass_id = pass->edge.pass_id;
		listener->syn_queue = listener->syn_queue_young = 0;
	}
	return listener;
}

/*
 * Requests do not name their listener. Several of one port, on different addresses or with SO_REUSEPORT, share what is counted
 * here: each is told the sum.
 */
void diag_listeners_note(struct diag_pass *pass, const struct diag_socket *socket)
{
	struct diag_listener *listener = of_pass(pass, socket->record.local_port);

	if (!listener) {
		return;
	}
	if (socket->record.state == DIAG_LISTEN) {
		listener->seen_us = socket->record.mono_us;
		return;
	}
	listener->syn_queue++;
	listener->syn_queue_young += socket->record.retrans == 0; /* idiag_retrans: SYN-ACKs that were sent again */
}

bool diag_listeners_had(const struct diag *diag, __u32 netns, __u32 port, __u64 now_us)
{
	struct diag_listener_key key = {.netns = netns, .port = port};
	const struct diag_listener *listener = diag_table_find(&diag->listeners, &key);

	return listener && listener->seen_us && now_us < listener->seen_us + MEMORY_US;
}

void diag_listeners_fill(const struct diag_pass *pass, struct polled_record *record)
{
	struct diag_listener_key key = {.netns = pass->netns, .port = record->local_port};
	const struct diag_listener *listener = diag_table_find(&pass->diag->listeners, &key);

	if (listener && listener->pass_id == pass->edge.pass_id) {
		record->syn_queue = listener->syn_queue;
		record->syn_queue_young = listener->syn_queue_young;
	}
}

void diag_listeners_forget(struct diag *diag, __u64 now_us)
{
	for (uint32_t i = diag->listeners.count; i > 0; i--) {
		struct diag_listener *listener = diag_table_at(&diag->listeners, i - 1);

		/* `now_us` is when the pass began: what it has seen was seen later. */
		if (now_us >= listener->seen_us + MEMORY_US) {
			diag_table_remove(&diag->listeners, listener);
		}
	}
}
