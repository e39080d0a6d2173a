// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The observer that attaches BPF programs: events as they happen, iterators for passes. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "clocks.h"
#include "events.h"
#include "observer.h"
#include "passes.h"
#include "programs.h"
#include "tcp_sensor.skel.h"
#include "totals.h"

/* At least one, so that a threshold is one. */
static uint32_t milliseconds_to_jiffies(uint32_t milliseconds)
{
	uint64_t jiffies = (uint64_t)milliseconds * clock_hz() / 1000;

	return jiffies ? jiffies : 1;
}

static void configure(struct session *session, const struct configure_command *command)
{
	struct tcp_sensor__data *data = session->skeleton->data;

	data->rto_threshold = command->rto_threshold;
	data->syn_threshold = command->syn_threshold;
	data->probe_threshold = command->probe_threshold;
	data->window_probe_threshold = command->window_probe_threshold;
	data->handshake_threshold = command->handshake_threshold;
	session->skeleton->bss->unread_age_jiffies = milliseconds_to_jiffies(command->unread_age_ms);
	session->skeleton->bss->idle_gap_jiffies = milliseconds_to_jiffies(command->idle_gap_ms);
	session->skeleton->bss->conditions = command->conditions;
}

static void watch(struct session *session, uint64_t cookie, bool on)
{
	int map_fd = bpf_map__fd(session->skeleton->maps.watched);
	uint8_t one = 1;

	if (on) {
		if (bpf_map_update_elem(map_fd, &cookie, &one, BPF_NOEXIST) == 0) {
			session->skeleton->bss->watch_count++;
		} else if (errno != EEXIST) {
			session->watch_rejected++;
		}
	} else if (bpf_map_delete_elem(map_fd, &cookie) == 0) {
		session->skeleton->bss->watch_count--;
	}
}

static uint64_t events_lost(const struct session *session)
{
	return session->skeleton->bss->ring_dropped;
}

const struct observer observer_ebpf = {
	.configure = configure,
	.announce = programs_announce,
	.watch = watch,
	.count = totals_command,
	.events_lost = events_lost,
	.run_events = events_run,
	.run_passes = passes_run,
};
