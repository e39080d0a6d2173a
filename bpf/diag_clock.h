/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Jiffies without the kernel's help: its ticks can be seen, their number cannot. */
#ifndef STUCKD_DIAG_CLOCK_H
#define STUCKD_DIAG_CLOCK_H

#include "sensor_wire.h"

/*
 * Fills a record with the present instant. `jiffies` counts ticks since an instant near boot that is our own: differences are
 * right, while a number means nothing to the kernel.
 */
void diag_clock_fill(struct clock_record *record);

#endif
