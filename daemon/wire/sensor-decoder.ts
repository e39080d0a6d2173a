/** The records in which the sensor tells about itself. */
import type {
  CountersReport,
  FailureCode,
  FailureReport,
  FeatureReport,
  HelloReport,
  ModeReport,
  ProgramReport,
  ReadyReport,
  SensorMode,
} from '../core/sensor-records.js';
import type { ClockReport } from '../core/snapshot.js';
import { readCount, readId, readText, readTime, readU32 } from './fields.js';
import type { Frame } from './frame.js';
import {
  CLOCK_RECORD,
  COUNTERS_RECORD,
  FAILURE_CODE,
  FAILURE_RECORD,
  FEATURE_RECORD,
  HELLO_RECORD,
  MODE_RECORD,
  PROGRAM_RECORD,
  PROGRAM_STATUS,
  READY_RECORD,
  SENSOR_MODE,
} from './layout.generated.js';
import { nameOf, nameTable } from './names.js';

const STATUS_NAMES = nameTable<keyof typeof PROGRAM_STATUS, 'attached' | 'missed'>(PROGRAM_STATUS, {
  PROGRAM_ATTACHED: 'attached',
  PROGRAM_MISSED: 'missed',
});

const FAILURE_NAMES = nameTable<keyof typeof FAILURE_CODE, FailureCode>(FAILURE_CODE, {
  FAILURE_PRIVILEGE: 'privilege',
  FAILURE_BTF: 'btf',
  FAILURE_LOAD: 'load',
  FAILURE_ATTACH: 'attach',
  FAILURE_PROTOCOL: 'protocol',
  FAILURE_INTERNAL: 'internal',
});

const MODE_NAMES = nameTable<keyof typeof SENSOR_MODE, SensorMode>(SENSOR_MODE, {
  MODE_EBPF: 'ebpf',
  MODE_POLLING: 'polling',
});

/** Decodes a frame of kind RECORD_HELLO. */
export function decodeHello(frame: Frame): HelloReport {
  const capabilitiesLow = BigInt(readU32(frame, HELLO_RECORD.capabilitiesLow));
  const capabilitiesHigh = BigInt(readU32(frame, HELLO_RECORD.capabilitiesHigh));
  return {
    magic: readId(frame, HELLO_RECORD.magic),
    layoutHash: readId(frame, HELLO_RECORD.layoutHash),
    hz: readU32(frame, HELLO_RECORD.hz),
    pid: readU32(frame, HELLO_RECORD.pid),
    capabilities: (capabilitiesHigh << 32n) | capabilitiesLow,
    version: readText(frame, HELLO_RECORD.version),
    kernelRelease: readText(frame, HELLO_RECORD.kernelRelease),
    machine: readText(frame, HELLO_RECORD.machine),
    bootId: readText(frame, HELLO_RECORD.bootId),
  };
}

/**
 * Decodes a frame of kind RECORD_PROGRAM.
 * @throws WireError for an unknown status.
 */
export function decodeProgram(frame: Frame): ProgramReport {
  const status = readU32(frame, PROGRAM_RECORD.status);
  const statusOffset = frame.offset + PROGRAM_RECORD.status;
  return {
    name: readText(frame, PROGRAM_RECORD.name),
    attached: nameOf(STATUS_NAMES, status, 'unknown_value', statusOffset, 'the status of a program') === 'attached',
    required: readU32(frame, PROGRAM_RECORD.required) !== 0,
    error: readU32(frame, PROGRAM_RECORD.error),
    how: readText(frame, PROGRAM_RECORD.how),
    loss: readText(frame, PROGRAM_RECORD.loss),
  };
}

/** Decodes a frame of kind RECORD_FEATURE. */
export function decodeFeature(frame: Frame): FeatureReport {
  return {
    name: readText(frame, FEATURE_RECORD.name),
    available: readU32(frame, FEATURE_RECORD.available) !== 0,
    how: readText(frame, FEATURE_RECORD.how),
    loss: readText(frame, FEATURE_RECORD.loss),
  };
}

/**
 * Decodes a frame of kind RECORD_MODE.
 * @throws WireError for an unknown mode or code.
 */
export function decodeMode(frame: Frame): ModeReport {
  const mode = readU32(frame, MODE_RECORD.mode);
  const code = readU32(frame, MODE_RECORD.code);
  const codeOffset = frame.offset + MODE_RECORD.code;
  return {
    mode: nameOf(MODE_NAMES, mode, 'unknown_value', frame.offset + MODE_RECORD.mode, 'the mode of a sensor'),
    code: code === 0 ? null : nameOf(FAILURE_NAMES, code, 'unknown_value', codeOffset, 'the code of a mode'),
    reason: readText(frame, MODE_RECORD.reason),
  };
}

/**
 * Decodes a frame of kind RECORD_READY.
 * @throws WireError for a time out of range.
 */
export function decodeReady(frame: Frame): ReadyReport {
  return {
    monoUs: readTime(frame, READY_RECORD.monoUs),
    attached: readU32(frame, READY_RECORD.attached),
    missed: readU32(frame, READY_RECORD.missed),
  };
}

/**
 * Decodes a frame of kind RECORD_FAILURE.
 * @throws WireError for an unknown code.
 */
export function decodeFailure(frame: Frame): FailureReport {
  const code = readU32(frame, FAILURE_RECORD.code);
  const codeOffset = frame.offset + FAILURE_RECORD.code;
  return {
    code: nameOf(FAILURE_NAMES, code, 'unknown_value', codeOffset, 'the code of a failure'),
    error: readU32(frame, FAILURE_RECORD.error),
    message: readText(frame, FAILURE_RECORD.message),
  };
}

/**
 * Decodes a frame of kind RECORD_CLOCK.
 * @throws WireError for a time out of range.
 */
export function decodeClock(frame: Frame): ClockReport {
  return {
    monoUs: readTime(frame, CLOCK_RECORD.monoUs),
    realUs: readTime(frame, CLOCK_RECORD.realUs),
    bootUs: readTime(frame, CLOCK_RECORD.bootUs),
    jiffies: readTime(frame, CLOCK_RECORD.jiffies),
    jiffyEdgeUs: readTime(frame, CLOCK_RECORD.jiffyEdgeUs),
  };
}

/** Decodes a frame of kind RECORD_COUNTERS. */
export function decodeCounters(frame: Frame): CountersReport {
  return {
    ringDropped: readCount(frame, COUNTERS_RECORD.ringDropped),
    events: readCount(frame, COUNTERS_RECORD.events),
    markFailed: readCount(frame, COUNTERS_RECORD.markFailed),
    retransmitsSeen: readCount(frame, COUNTERS_RECORD.retransmitsSeen),
    keepaliveSeen: readCount(frame, COUNTERS_RECORD.keepaliveSeen),
    watchRejected: readCount(frame, COUNTERS_RECORD.watchRejected),
    countRejected: readCount(frame, COUNTERS_RECORD.countRejected),
    holdingsDropped: readCount(frame, COUNTERS_RECORD.holdingsDropped),
  };
}
