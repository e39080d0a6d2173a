/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What polling cannot know, for the daemon and for who reads its status. */
#ifndef STUCKD_DIAG_FEATURES_H
#define STUCKD_DIAG_FEATURES_H

#include "session.h"

/* Writes the feature records. Returns 0, or -errno of the stream. */
int diag_features_write(struct session *session);

#endif
