/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The clocks of one instant, and the phase of the kernel's tick. */
#ifndef STUCKD_CLOCKS_H
#define STUCKD_CLOCKS_H

#include <stdint.h>

#include "sensor_wire.h"

uint64_t clock_mono_us(void);

/* CPU time of the calling thread. */
uint64_t clock_thread_cpu_us(void);

/* Length of a tick in ns: the resolution of the coarse clocks is exactly TICK_NSEC (kernel/time/posix-timers.c). */
uint64_t clock_tick_ns(void);
uint32_t clock_hz(void);

/* Learns from one (jiffies, CLOCK_MONOTONIC ns) pair; the earliest edge seen is nearest to the truth. */
void clock_learn_pair(uint64_t jiffies, uint64_t mono_ns);

/* Fills a record with the present instant. jiffies and jiffy_edge_us are 0 until a pair was learnt. */
void clock_fill(struct clock_record *record);

#endif
