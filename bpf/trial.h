/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What libbpf and the verifier say when something does not load, and programs loaded one at a time to find out which. */
#ifndef STUCKD_TRIAL_H
#define STUCKD_TRIAL_H

#include <stddef.h>

/* Takes over libbpf's messages, of which only the first complaint is kept. To be called once, before libbpf is used. */
void trial_capture_complaints(void);

/* Forgets the last complaint: to be called before a load whose complaint is of interest. */
void trial_forget_complaint(void);

/*
 * Why the last load failed with `error` (-errno): the verifier's verdict if it came so far, else what libbpf said first if
 * that is more than the text of `error`. One line, valid until the next load.
 */
const char *trial_complaint(int error);

/*
 * Loads program `name` of an object file in memory and nothing else of it but its maps, and lets go of it again.
 * Returns 0 if the kernel takes it, else -errno; trial_complaint() says why.
 */
int trial_load(const void *elf, size_t size, const char *name);

#endif
