// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The observer that polls: sock_diag over netlink for sockets, /proc for their owners. It needs no privilege, and uses some. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>

#include "diag.h"
#include "diag_clock.h"
#include "diag_conditions.h"
#include "diag_features.h"
#include "diag_listeners.h"
#include "diag_netlink.h"
#include "diag_passes.h"
#include "diag_suspects.h"
#include "diag_totals.h"
#include "observer.h"

#define WATCHED_MAX 262144
#define INTERESTS_MAX 4096
#define HOLDINGS_MAX 16384
#define INODES_MAX (1024 * 1024)

static struct diag diag = {
	.wanted =
		{
			.lock = PTHREAD_MUTEX_INITIALIZER,
			.watched = DIAG_TABLE(__u64, __u64, WATCHED_MAX),
			.interests = DIAG_TABLE(struct interest_key, struct diag_interest, INTERESTS_MAX),
		},
	.suspects = DIAG_TABLE(struct diag_socket_key, struct diag_suspect, DIAG_SUSPECTS_MAX),
	.listeners = DIAG_TABLE(struct diag_listener_key, struct diag_listener, DIAG_LISTENERS_MAX),
	.listening = DIAG_TABLE(__u64, struct diag_listening, DIAG_LISTENERS_MAX),
	.inodes = DIAG_TABLE(__u32, struct diag_inode, INODES_MAX),
	.counted = DIAG_TABLE(struct interest_key, struct diag_interest, INTERESTS_MAX),
	.holdings = DIAG_TABLE(struct holding_key, struct diag_holding, HOLDINGS_MAX),
};

/* A pass takes the configuration of the session as it begins. */
static void configure(struct session *session, const struct configure_command *command)
{
	(void)session;
	(void)command;
}

static void ignore(void *context, struct diag_socket *socket)
{
	(void)context;
	(void)socket;
}

/* One socket for each namespace, beside what everybody needs. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Asks for listeners, of which there are few: whether the kernel answers at all. */
static int open_diag(struct session *session)
{
	const struct diag_namespace *own;
	int error;

	raise_descriptor_limit();
	session->diag = &diag;
	diag.output.stream = &session->stream;
	error = diag_namespaces_open(&diag.namespaces);
	if (!error) {
		own = diag_table_find(&diag.namespaces.table, &diag.namespaces.own);
		error = diag_dump(own->fd, AF_INET, 1u << DIAG_LISTEN, ignore, NULL);
	}
	if (error == -ENOENT) {
		stream_fail(
			&session->stream, FAILURE_LOAD, error,
			"this kernel does not tell of its TCP sockets (sock_diag): it needs CONFIG_INET_TCP_DIAG, or "
			"its module tcp_diag, which root can load with 'modprobe tcp_diag'");
	} else if (error && error != -EAGAIN) {
		stream_fail(&session->stream, error == -EACCES || error == -EPERM ? FAILURE_PRIVILEGE : FAILURE_LOAD,
			    error, "the kernel cannot be asked for its TCP sockets (sock_diag over netlink): %s",
			    strerror(-error));
	}
	return error == -EAGAIN ? 0 : error;
}

static int announce(struct session *session)
{
	struct ready_record ready = RECORD_INIT(struct ready_record, RECORD_READY, 0);
	struct clock_record clock = RECORD_INIT(struct clock_record, RECORD_CLOCK, 0);
	int error = diag_features_write(session);

	if (error) {
		return error;
	}
	diag_clock_learn_tick();
	diag_clock_fill(&clock);
	ready.mono_us = clock.mono_us;
	error = stream_write(&session->stream, &clock, sizeof(clock));
	return error ? error : stream_write(&session->stream, &ready, sizeof(ready));
}

static void watch(struct session *session, uint64_t cookie, bool on)
{
	struct diag_wanted *wanted = &session->diag->wanted;
	void *entry;

	pthread_mutex_lock(&wanted->lock);
	entry = diag_table_find(&wanted->watched, &cookie);
	if (!on && entry) {
		diag_table_remove(&wanted->watched, entry);
	} else if (on && !entry && !diag_table_add(&wanted->watched, &cookie)) {
		wanted->watch_rejected++;
	}
	pthread_mutex_unlock(&wanted->lock);
}

static uint64_t events_lost(const struct session *session)
{
	(void)session;
	return 0;
}

const struct observer observer_polling = {
	.configure = configure,
	.open = open_diag,
	.announce = announce,
	.watch = watch,
	.count = diag_totals_command,
	.events_lost = events_lost,
	.run_passes = diag_passes_run,
	.refreshes_are_dear = true,
};
