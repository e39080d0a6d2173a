/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A unit for type information only, never linked or loaded: one global per struct and enum of sensor_wire.h, because a
 * compiler leaves types that nothing uses out of BTF. It is compiled for BPF and for the host; gen_layout.mjs demands
 * that both agree, and that no struct or enum of the header is missing here.
 */
#include "sensor_wire.h"

/* Macros leave no trace in BTF, enumerators do. BTF of clang 14 knows 32-bit enumerators only, hence the halves. */
enum wire_constant {
	WIRE_RECORD_MAX = SENSOR_RECORD_MAX,
	WIRE_MAGIC_LOW = SENSOR_MAGIC & 0xffffffff,
	WIRE_MAGIC_HIGH = SENSOR_MAGIC >> 32,
};

#define LAYOUT_OF_STRUCT(name) struct name layout_of_##name
#define LAYOUT_OF_ENUM(name) enum name layout_of_##name

LAYOUT_OF_ENUM(wire_constant);

LAYOUT_OF_ENUM(record_kind);
LAYOUT_OF_ENUM(command_kind);
LAYOUT_OF_ENUM(interest_kind);
LAYOUT_OF_ENUM(socket_cause);
LAYOUT_OF_ENUM(pass_edge);
LAYOUT_OF_ENUM(pass_kind);
LAYOUT_OF_ENUM(socket_flag);
LAYOUT_OF_ENUM(condition);
LAYOUT_OF_ENUM(program_status);
LAYOUT_OF_ENUM(sensor_mode);
LAYOUT_OF_ENUM(failure_code);

LAYOUT_OF_STRUCT(record_header);
LAYOUT_OF_STRUCT(hello_record);
LAYOUT_OF_STRUCT(program_record);
LAYOUT_OF_STRUCT(ready_record);
LAYOUT_OF_STRUCT(failure_record);
LAYOUT_OF_STRUCT(clock_record);
LAYOUT_OF_STRUCT(pass_record);
LAYOUT_OF_STRUCT(socket_record);
LAYOUT_OF_STRUCT(process_record);
LAYOUT_OF_STRUCT(holder_record);
LAYOUT_OF_STRUCT(counters_record);
LAYOUT_OF_STRUCT(feature_record);
LAYOUT_OF_STRUCT(interest_record);
LAYOUT_OF_STRUCT(holding_record);
LAYOUT_OF_STRUCT(mode_record);
LAYOUT_OF_STRUCT(reach_record);
LAYOUT_OF_STRUCT(polled_record);

LAYOUT_OF_STRUCT(configure_command);
LAYOUT_OF_STRUCT(pass_command);
LAYOUT_OF_STRUCT(watch_command);
LAYOUT_OF_STRUCT(interest_command);
