/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the rest of a session asks of whoever observes the sockets, so that nobody else knows who does. */
#ifndef STUCKD_OBSERVER_H
#define STUCKD_OBSERVER_H

#include "session.h"

/*
 * `open` is called once, after the first configuration; then `announce`, and then the threads are started. Before `open` nothing
 * but `configure` is called. Commands are taken on the main thread while passes run. The programs of observer_ebpf are
 * attached when it is chosen (mode.h), so that it has no `open`.
 */
struct observer {
	/* Takes over a configuration, which was found sane. It may come again at any time. */
	void (*configure)(struct session *session, const struct configure_command *command);

	/*
	 * Begins to observe, without a word to the stream if that succeeds. Returns 0, or -errno after it wrote a failure
	 * record. May be NULL.
	 */
	int (*open)(struct session *session);

	/* Writes program and feature records, the clock, and the ready record. Returns 0, or -errno of the stream. */
	int (*announce)(struct session *session);

	/* Whether sweeps report this socket even if it looks healthy. */
	void (*watch)(struct session *session, uint64_t cookie, bool on);

	/* Takes COMMAND_COUNT or COMMAND_UNCOUNT. Returns 0, also if a table is full (that is counted); -EBADMSG on nonsense. */
	int (*count)(struct session *session, const struct interest_command *command);

	/* Events that were lost so far: sweeps make up for them. */
	uint64_t (*events_lost)(const struct session *session);

	/* Thread bodies, which end when the stream breaks; `session` is the session. `run_events` is NULL if there are none. */
	void *(*run_events)(void *session);
	void *(*run_passes)(void *session);

	/* A refresh looks at all sockets, as a sweep does, so that it has a CPU budget, too. */
	bool refreshes_are_dear;
};

extern const struct observer observer_ebpf;
extern const struct observer observer_polling;

#endif
