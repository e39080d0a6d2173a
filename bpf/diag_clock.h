/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel's jiffies and the phase of its tick, without any privilege. */
#ifndef STUCKD_DIAG_CLOCK_H
#define STUCKD_DIAG_CLOCK_H

#include "sensor_wire.h"

/* Takes two ticks to learn the phase of the tick to some microseconds. */
void diag_clock_learn_tick(void);

/*
 * Fills a record with the present instant. Where no TCP socket is to be had, `jiffies` counts ticks since an instant of our own:
 * then differences are right, while the number means nothing to the kernel.
 */
void diag_clock_fill(struct clock_record *record);

#endif
