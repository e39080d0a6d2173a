/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef STUCKD_EVENTS_H
#define STUCKD_EVENTS_H

/* Thread body, for a `struct session`: events from the ring buffer to the stream, until the stream breaks. */
void *events_run(void *session);

#endif
