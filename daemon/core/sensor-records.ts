/** What the sensor tells about itself, and the union of everything that it sends. */
import type { PolledSocket } from './polled-socket.js';
import type { ClockReport, HolderReport, PassReport, ProcessReport, SocketSnapshot } from './snapshot.js';

/** The sensor's first record. Nothing in it may be relied on before `wire/handshake.ts` has accepted it. */
export interface HelloReport {
  readonly magic: bigint;
  /** Hash of the record layout that the sensor was built with. */
  readonly layoutHash: bigint;
  /** Timer ticks a second (CONFIG_HZ). */
  readonly hz: number;
  readonly pid: number;
  /** The effective capability set as a bit mask; bit numbers as in linux/capability.h. */
  readonly capabilities: bigint;
  readonly version: string;
  readonly kernelRelease: string;
  readonly machine: string;
  readonly bootId: string;
}

/** One BPF program, after the attempt to attach it. */
export interface ProgramReport {
  readonly name: string;
  readonly attached: boolean;
  /** The sensor does not run without it. */
  readonly required: boolean;
  /** errno, 0 if attached. */
  readonly error: number;
  /** How it works here; or why it does not. */
  readonly how: string;
  /** What stuckd cannot do without it. */
  readonly loss: string;
}

/** Something that not every kernel has, or has elsewhere. Without it stuckd runs all the same. */
export interface FeatureReport {
  readonly name: string;
  readonly available: boolean;
  /** Where it was found, or what serves in its place. */
  readonly how: string;
  /** What stuckd cannot do without it. */
  readonly loss: string;
}

/** How a sensor observes. `polling`: sock_diag and /proc, with no event and fewer facts. */
export type SensorMode = 'ebpf' | 'polling';

/** How this sensor observes, and why not better. */
export interface ModeReport {
  readonly mode: SensorMode;
  /** Why it does not use BPF; null if it does, or was told not to. */
  readonly code: FailureCode | null;
  /** The same in words; empty if it uses BPF. */
  readonly reason: string;
}

/** What a sweep of a polling sensor could not look into. */
export interface ReachReport {
  /** Network namespaces that were polled. */
  readonly namespaces: number;
  /** Known, and not to be entered. */
  readonly closedNamespaces: number;
  /** Whose descriptors must not be read: their sockets have no owner. */
  readonly closedProcesses: number;
  readonly passId: number;
}

/** All programs are attached or given up; observation has begun. */
export interface ReadyReport {
  /** CLOCK_MONOTONIC, microseconds. */
  readonly monoUs: number;
  readonly attached: number;
  readonly missed: number;
}

/** Why the sensor gives up (`enum failure_code`). */
export type FailureCode = 'privilege' | 'btf' | 'load' | 'attach' | 'protocol' | 'internal';

/** The sensor's last record. */
export interface FailureReport {
  readonly code: FailureCode;
  /** errno, 0 if there is none. */
  readonly error: number;
  readonly message: string;
}

/** The sensor's own health: totals since it started. */
export interface CountersReport {
  /** Records that found the ring buffer full. */
  readonly ringDropped: number;
  /** Records that events wrote. */
  readonly events: number;
  /** Sockets that could not be marked. */
  readonly markFailed: number;
  /** RTO retransmissions at or above the threshold. */
  readonly retransmitsSeen: number;
  /** Expiries of keepalive timers with unanswered probes. */
  readonly keepaliveSeen: number;
  /** Watch commands that found the table full. */
  readonly watchRejected: number;
  /** Interests that found the table full. */
  readonly countRejected: number;
  /** Connections that were not counted for their process, as the table was full. */
  readonly holdingsDropped: number;
}

/** Of a sensor that has just started. */
export const NO_COUNTS: CountersReport = {
  ringDropped: 0,
  events: 0,
  markFailed: 0,
  retransmitsSeen: 0,
  keepaliveSeen: 0,
  watchRejected: 0,
  countRejected: 0,
  holdingsDropped: 0,
};

/** The totals of one peer or listener in one sweep. */
export interface InterestReport {
  readonly interestId: number;
  /** Held by processes; one that several processes share counts once. */
  readonly connections: number;
  /** Of these, not established yet. */
  readonly connecting: number;
  /** Since the last ACK on any of the others; 2^32 - 1: there are none. */
  readonly heardAgeJiffies: number;
  /** New connections to a peer, since it is counted by this sensor. */
  readonly succeeded: number;
  readonly failed: number;
  /** CLOCK_MONOTONIC, microseconds; 0: none. */
  readonly lastSuccessUs: number;
  readonly lastFailureUs: number;
  readonly passId: number;
}

/** Connections of one process in one sweep. */
export interface HoldingReport {
  readonly pid: number;
  /** CLOCK_BOOTTIME, microseconds. */
  readonly startBootUs: number;
  /** The interest that they belong to; 0: all TCP connections of the process. */
  readonly interestId: number;
  readonly connections: number;
  readonly passId: number;
}

/** Everything that the sensor sends, by type. */
export type SensorRecord =
  | { readonly type: 'hello'; readonly hello: HelloReport }
  | { readonly type: 'program'; readonly program: ProgramReport }
  | { readonly type: 'feature'; readonly feature: FeatureReport }
  | { readonly type: 'mode'; readonly mode: ModeReport }
  | { readonly type: 'reach'; readonly reach: ReachReport }
  | { readonly type: 'polled'; readonly polled: PolledSocket }
  | { readonly type: 'ready'; readonly ready: ReadyReport }
  | { readonly type: 'failure'; readonly failure: FailureReport }
  | { readonly type: 'clock'; readonly clock: ClockReport }
  | { readonly type: 'pass'; readonly pass: PassReport }
  | { readonly type: 'socket'; readonly socket: SocketSnapshot }
  | { readonly type: 'process'; readonly process: ProcessReport }
  | { readonly type: 'holder'; readonly holder: HolderReport }
  | { readonly type: 'counters'; readonly counters: CountersReport }
  | { readonly type: 'interest'; readonly interest: InterestReport }
  | { readonly type: 'holding'; readonly holding: HoldingReport };
