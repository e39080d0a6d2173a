/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef STUCKD_SERVICE_MANAGER_H
#define STUCKD_SERVICE_MANAGER_H

/*
 * What sd_notify(3) of libsystemd does, in the few lines of it that are needed: a static program has no shared library,
 * and the protocol is documented and stable (same page, "Standalone Implementations").
 */

/*
 * A socket that is connected to the service manager: each write is a notification. It never blocks.
 * Returns -1 with errno; 0 in errno says that nobody wants notifications.
 */
int service_manager_connect(void);

/* Tells the service manager, if there is one; a notification that is lost changes nothing here. */
void service_manager_tell(const char *assignments);

#endif
