// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_features.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>

#include "privileges.h"

struct feature {
	const char *name;
	const char *how;
	const char *loss;
};

/* The same on every kernel, and for everybody. */
static const struct feature NEVER[] = {
	{"events", "sockets are looked at every second or less often",
	 "what begins and ends between two looks is not seen, and an end is told without its exact time and cause"},
	{"user timeout", "sock_diag does not tell TCP_USER_TIMEOUT",
	 "a forecast is wrong where an application has set it"},
	{"keepalive settings", "sock_diag does not tell them; those of the namespace are assumed",
	 "a forecast is wrong where an application has set its own"},
	{"unread errors", "sock_diag does not tell of sockets in state CLOSE",
	 "a connection that ended, and whose error nobody has fetched, is found only if it was watched before"},
	{"stale reuse", "needs events", "pooled connections that are used again after they were dropped are not found"},
	{"connection attempts", "needs events", "how many new connections to a peer succeed or fail is not counted"},
	{"audit", "sock_diag tells no settings", "connections without protection are not listed (stuckctl audit)"},
};

/* Depends on a capability. */
static const struct {
	int capability;
	struct feature feature;
} PRIVILEGED[] = {
	{CAP_SYS_ADMIN,
	 {"other namespaces", "CAP_SYS_ADMIN lets a thread enter them", "connections of containers are not seen"}},
	{CAP_SYS_PTRACE,
	 {"other users' processes", "CAP_SYS_PTRACE lets a process read whose sockets they are",
	  "connections of other users have no owner, and their network namespaces are not known"}},
	{CAP_DAC_READ_SEARCH,
	 {"other users' descriptors", "CAP_DAC_READ_SEARCH opens /proc/PID/fd",
	  "connections of other users have no owner"}},
};

static int write_feature(struct session *session, bool available, const struct feature *feature)
{
	struct feature_record record = RECORD_INIT(struct feature_record, RECORD_FEATURE, 0);

	record.available = available;
	snprintf(record.name, sizeof(record.name), "%s", feature->name);
	snprintf(record.how, sizeof(record.how), "%s", feature->how);
	snprintf(record.loss, sizeof(record.loss), "%s", feature->loss);
	return stream_write(&session->stream, &record, sizeof(record));
}

int diag_features_write(struct session *session)
{
	uint32_t low, high;
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(NEVER) / sizeof(NEVER[0]); i++) {
		error = write_feature(session, false, &NEVER[i]);
	}
	privileges_effective(&low, &high);
	for (size_t i = 0; !error && i < sizeof(PRIVILEGED) / sizeof(PRIVILEGED[0]); i++) {
		error = write_feature(session, low >> PRIVILEGED[i].capability & 1, &PRIVILEGED[i].feature);
	}
	return error;
}
