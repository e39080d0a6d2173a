/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* DO NOT EDIT: written by gen_layout.mjs from the BTF of sensor_wire.h. */
#ifndef STUCKD_LAYOUT_HASH_H
#define STUCKD_LAYOUT_HASH_H

#define SENSOR_LAYOUT_HASH 0x3f20858b7a998325ULL

#endif
