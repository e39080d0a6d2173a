/** The daemon's commands to the sensor. */
import type { Interest } from '../core/interest.js';
import type { PassKind } from '../core/snapshot.js';
import { writeAddress } from './address-bytes.js';
import { LITTLE_ENDIAN } from './fields.js';
import {
  COMMAND_KIND,
  CONDITION,
  CONFIGURE_COMMAND,
  CONFIGURE_COMMAND_SIZE,
  INTEREST_COMMAND,
  INTEREST_COMMAND_SIZE,
  INTEREST_KIND,
  PASS_COMMAND,
  PASS_COMMAND_SIZE,
  PASS_KIND,
  RECORD_HEADER,
  SENSOR_LAYOUT_HASH,
  WATCH_COMMAND,
  WATCH_COMMAND_SIZE,
} from './layout.generated.js';
import type { Offset } from './offset.js';

/** When the sensor reports a socket on its own, and how often it looks at all. */
export interface SensorConfiguration {
  /** Consecutive RTOs from which on an established socket is reported, 1 to 255. */
  readonly rtoThreshold: number;
  /** SYN retransmissions, 1 to 255. */
  readonly synThreshold: number;
  /** Unanswered keepalive probes, 1 to 255. */
  readonly probeThreshold: number;
  /** Unanswered window probes, 1 to 255. */
  readonly windowProbeThreshold: number;
  /** Retransmitted SYN-ACKs of one listener, at least 1. */
  readonly handshakeThreshold: number;
  /** How long received data must have been waiting, 1 ms to one hour. */
  readonly unreadAgeMs: number;
  /** Idle time after which a RST, or a FIN, says something about reuse: 1 ms to one hour. */
  readonly idleGapMs: number;
  /** What sweeps look for although no counter stands out. */
  readonly conditions: readonly Condition[];
  /** Between two passes of a kind: 1 ms to one hour. */
  readonly refreshIntervalMs: number;
  readonly sweepIntervalMs: number;
  readonly fullRefreshIntervalMs: number;
  /** What sweeps that nobody asks for may take of one core, in millionths: 1 to 1,000,000, which is no limit. */
  readonly sweepCpuMaxPpm: number;
}

export type Condition =
  'window_closed' | 'close_wait' | 'fin_wait2' | 'unread' | 'zombie' | 'accept_queue' | 'handshakes' | 'stale_reuse';

const CONDITION_BITS: Readonly<Record<Condition, number>> = {
  window_closed: CONDITION.CONDITION_WINDOW_CLOSED,
  close_wait: CONDITION.CONDITION_CLOSE_WAIT,
  fin_wait2: CONDITION.CONDITION_FIN_WAIT2,
  unread: CONDITION.CONDITION_UNREAD,
  zombie: CONDITION.CONDITION_ZOMBIE,
  accept_queue: CONDITION.CONDITION_ACCEPT_QUEUE,
  handshakes: CONDITION.CONDITION_HANDSHAKES,
  stale_reuse: CONDITION.CONDITION_STALE_REUSE,
};

/** The kernel counts RTOs and probes in one byte. */
const THRESHOLD_MAX = 255;
const INTERVAL_MAX_MS = 3_600_000;
const PPM_MAX = 1_000_000;
const U32_MAX = 2 ** 32 - 1;
const U64_MAX = 2n ** 64n - 1n;

const THRESHOLDS = ['rtoThreshold', 'synThreshold', 'probeThreshold', 'windowProbeThreshold'] as const;
const DURATIONS = [
  'refreshIntervalMs',
  'sweepIntervalMs',
  'fullRefreshIntervalMs',
  'unreadAgeMs',
  'idleGapMs',
] as const;

const PASS_NUMBERS: Readonly<Record<PassKind, number>> = {
  refresh: PASS_KIND.PASS_REFRESH,
  sweep: PASS_KIND.PASS_SWEEP,
  refresh_full: PASS_KIND.PASS_REFRESH_FULL,
  audit: PASS_KIND.PASS_AUDIT,
};

const INTEREST_NUMBERS: Readonly<Record<Interest['kind'], number>> = {
  peer: INTEREST_KIND.INTEREST_PEER,
  listener: INTEREST_KIND.INTEREST_LISTENER,
  process: INTEREST_KIND.INTEREST_PROCESS,
};

function startCommand(kind: number, size: number): DataView {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(RECORD_HEADER.size, size, LITTLE_ENDIAN);
  view.setUint16(RECORD_HEADER.kind, kind, LITTLE_ENDIAN);
  return view;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

function writeU32(view: DataView, offset: Offset<'__u32'>, value: number, maximum: number, name: string): void {
  if (!Number.isInteger(value) || value < 1 || value > maximum) {
    throw new RangeError(`${name} is ${value}, not an integer from 1 to ${maximum}`);
  }
  view.setUint32(offset, value, LITTLE_ENDIAN);
}

function encodeCookie(kind: number, cookie: bigint): Uint8Array {
  if (cookie < 1n || cookie > U64_MAX) {
    throw new RangeError(`cookie is ${cookie}, not an integer from 1 to ${U64_MAX}`);
  }
  const view = startCommand(kind, WATCH_COMMAND_SIZE);
  view.setBigUint64(WATCH_COMMAND.cookie, cookie, LITTLE_ENDIAN);
  return bytesOf(view);
}

/**
 * The first command after the handshake lets the sensor attach; later ones change the settings. It carries this build's
 * layout hash, so that the sensor too can refuse.
 * @throws RangeError that names the field out of range.
 */
export function encodeConfigure(configuration: SensorConfiguration): Uint8Array {
  const view = startCommand(COMMAND_KIND.COMMAND_CONFIGURE, CONFIGURE_COMMAND_SIZE);
  view.setBigUint64(CONFIGURE_COMMAND.layoutHash, SENSOR_LAYOUT_HASH, LITTLE_ENDIAN);
  for (const name of THRESHOLDS) {
    writeU32(view, CONFIGURE_COMMAND[name], configuration[name], THRESHOLD_MAX, name);
  }
  for (const name of DURATIONS) {
    writeU32(view, CONFIGURE_COMMAND[name], configuration[name], INTERVAL_MAX_MS, name);
  }
  writeU32(view, CONFIGURE_COMMAND.handshakeThreshold, configuration.handshakeThreshold, U32_MAX, 'handshakeThreshold');
  writeU32(view, CONFIGURE_COMMAND.sweepCpuMaxPpm, configuration.sweepCpuMaxPpm, PPM_MAX, 'sweepCpuMaxPpm');
  const bits = configuration.conditions.reduce((sum, condition) => sum | CONDITION_BITS[condition], 0);
  view.setUint32(CONFIGURE_COMMAND.conditions, bits, LITTLE_ENDIAN);
  return bytesOf(view);
}

/** Descriptors of connections that one audit reports; beyond, the sensor only counts them. */
export const AUDIT_REPORT_MAX = 100_000;

/**
 * Asks for a pass as soon as possible, besides those that run by their intervals.
 * @param reportMax of an audit
 */
export function encodePass(kind: PassKind, reportMax = AUDIT_REPORT_MAX): Uint8Array {
  const view = startCommand(COMMAND_KIND.COMMAND_PASS, PASS_COMMAND_SIZE);
  view.setUint32(PASS_COMMAND.passKind, PASS_NUMBERS[kind], LITTLE_ENDIAN);
  view.setUint32(PASS_COMMAND.reportMax, kind === 'audit' ? reportMax : 0, LITTLE_ENDIAN);
  return bytesOf(view);
}

/**
 * Asks for reports of one socket in the next sweeps, even if it looks healthy.
 * @throws RangeError if `cookie` is 0 (the socket has none) or no u64.
 */
export function encodeWatch(cookie: bigint): Uint8Array {
  return encodeCookie(COMMAND_KIND.COMMAND_WATCH, cookie);
}

/**
 * Takes back `encodeWatch`.
 * @throws RangeError if `cookie` is 0 or no u64.
 */
export function encodeUnwatch(cookie: bigint): Uint8Array {
  return encodeCookie(COMMAND_KIND.COMMAND_UNWATCH, cookie);
}

/** The port of a peer or of a listener, or the id of a process. */
function numberOf(interest: Interest): number {
  switch (interest.kind) {
    case 'peer':
      return interest.peer.port;
    case 'listener':
      return interest.port;
    case 'process':
      return interest.pid;
  }
}

function encodeInterest(kind: number, id: number, interest: Interest): Uint8Array {
  const view = startCommand(kind, INTEREST_COMMAND_SIZE);
  if (interest.kind === 'peer') {
    writeAddress(view, INTEREST_COMMAND.address, interest.peer.address);
    view.setUint32(INTEREST_COMMAND.netns, interest.peer.netns, LITTLE_ENDIAN);
  }
  view.setUint32(INTEREST_COMMAND.interestKind, INTEREST_NUMBERS[interest.kind], LITTLE_ENDIAN);
  writeU32(view, INTEREST_COMMAND.number, numberOf(interest), U32_MAX, 'number');
  writeU32(view, INTEREST_COMMAND.interestId, id, U32_MAX, 'id');
  return bytesOf(view);
}

/**
 * Asks for totals of a peer, a listener or a process with every sweep.
 * @param id names it in the records of the sensor; not 0.
 * @throws RangeError for an address, a number or an id out of range.
 */
export function encodeCount(id: number, interest: Interest): Uint8Array {
  return encodeInterest(COMMAND_KIND.COMMAND_COUNT, id, interest);
}

/**
 * Takes back `encodeCount`.
 * @throws RangeError for an address, a number or an id out of range.
 */
export function encodeUncount(id: number, interest: Interest): Uint8Array {
  return encodeInterest(COMMAND_KIND.COMMAND_UNCOUNT, id, interest);
}
