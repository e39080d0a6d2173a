// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "mode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "observer.h"
#include "privileges.h"
#include "programs.h"
#include "session.h"

static enum allowed_mode allowed = ALLOW_ANY;

void mode_allow(enum allowed_mode mode)
{
	allowed = mode;
}

/* Loads and attaches all or nothing. Returns 0, or -errno with the reason in the session. */
static int try_ebpf(struct session *session)
{
	int error;

	if (!privileges_allow_bpf()) {
		char message[sizeof(session->refusal.message)];

		privileges_explain(message, sizeof(message));
		return refusal_set(&session->refusal, FAILURE_PRIVILEGE, -EPERM, "%s", message);
	}
	error = load_programs(session);
	if (!error) {
		error = programs_attach(session);
	}
	if (error) {
		programs_let_go(session);
	}
	return error;
}

static int settle(struct session *session, enum sensor_mode mode)
{
	int error = privileges_settle(mode);

	return error ? refusal_set(&session->refusal, FAILURE_PRIVILEGE, error,
				   "the sensor cannot give up privileges that it does not need: %s", strerror(-error))
		     : 0;
}

int mode_choose(struct session *session)
{
	int error;

	if (allowed == ALLOW_POLLING) {
		refusal_set(&session->refusal, 0, 0, "by configuration");
	} else {
		error = try_ebpf(session);
		if (!error) {
			session->observer = &observer_ebpf;
			return settle(session, MODE_EBPF);
		}
		if (allowed == ALLOW_EBPF || refusal_may_pass(&session->refusal)) {
			return error;
		}
	}
	session->observer = &observer_polling;
	return settle(session, MODE_POLLING);
}

static int write_mode(struct session *session)
{
	struct mode_record record = RECORD_INIT(struct mode_record, RECORD_MODE, 0);

	record.mode = MODE_EBPF;
	if (session->observer == &observer_polling) {
		record.mode = MODE_POLLING;
		record.code = session->refusal.code;
		snprintf(record.reason, sizeof(record.reason), "%s", session->refusal.message);
	}
	return stream_write(&session->stream, &record, sizeof(record));
}

int mode_open(struct session *session)
{
	int error = session->observer->open ? session->observer->open(session) : 0;

	if (!error) {
		error = write_mode(session);
	}
	return error ? error : session->observer->announce(session);
}
