/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef STUCKD_EVENTS_H
#define STUCKD_EVENTS_H

#include <stdint.h>

struct session;

/* Thread body, for a `struct session`: events from the ring buffer to the stream, until the stream breaks. */
void *events_run(void *session);

/*
 * Waits until as many events as `count` were written to the stream, or lost, however long the daemon takes to read them. It may
 * be one or two short: programs on other CPUs count an event some microseconds after they took its place in the ring buffer.
 */
void events_await(const struct session *session, uint64_t count);

#endif
