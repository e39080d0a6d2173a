/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Opening and loading the BPF object, without the programs that this kernel does not have or refuses. */
#ifndef STUCKD_LOAD_H
#define STUCKD_LOAD_H

#include "session.h"

/*
 * Opens and loads the BPF object. Programs that this kernel lacks or refuses are left out (programs.h), unless they are
 * required. Returns 0, or -errno with the reason in `session->refusal`.
 */
int load_programs(struct session *session);

#endif
