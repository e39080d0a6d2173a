// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "mode.h"

#include "load.h"
#include "observer.h"

bool mode_is_polling;

int mode_choose(struct session *session)
{
	session->observer = mode_is_polling ? &observer_polling : &observer_ebpf;
	if (mode_is_polling) {
		return 0;
	}
	return load_programs(session);
}

static int write_mode(struct session *session)
{
	struct mode_record record = RECORD_INIT(struct mode_record, RECORD_MODE, 0);

	record.mode = mode_is_polling ? MODE_POLLING : MODE_EBPF;
	return stream_write(&session->stream, &record, sizeof(record));
}

int mode_open(struct session *session)
{
	int error = session->observer->open(session);

	if (!error) {
		error = write_mode(session);
	}
	return error ? error : session->observer->announce(session);
}
