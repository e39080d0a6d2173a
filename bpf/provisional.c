// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Holds the place of the observer that polls. */
#include <poll.h>

#include "clocks.h"
#include "observer.h"

static void configure(struct session *session, const struct configure_command *command)
{
	(void)session;
	(void)command;
}

static int announce(struct session *session)
{
	struct ready_record ready = RECORD_INIT(struct ready_record, RECORD_READY, 0);
	struct clock_record clock = RECORD_INIT(struct clock_record, RECORD_CLOCK, 0);

	clock_learn_pair(1000, clock_mono_us() * 1000);
	clock_fill(&clock);
	stream_write(&session->stream, &clock, sizeof(clock));
	return stream_write(&session->stream, &ready, sizeof(ready));
}

static void watch(struct session *session, uint64_t cookie, bool on)
{
	(void)session;
	(void)cookie;
	(void)on;
}

static int count(struct session *session, const struct interest_command *command)
{
	(void)session;
	(void)command;
	return 0;
}

static void *run_passes(void *argument)
{
	for (;;) {
		poll(NULL, 0, -1);
	}
	return argument;
}

const struct observer observer_polling = {
	.configure = configure,
	.announce = announce,
	.watch = watch,
	.count = count,
	.run_passes = run_passes,
};
