/** What a person gets: one alert for a process, a kind and a peer, instead of one event for each connection. */
import type { StuckKind } from './kinds.js';
import type { MonoUs, StuckRecord } from './record.js';
import type { Endpoint } from './snapshot.js';
import type { Workload } from './workload.js';

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The process that an alert is about. */
export interface AlertProcess {
  readonly pid: number;
  /** CLOCK_BOOTTIME, microseconds. */
  readonly startBootUs: number;
  readonly comm: string;
  readonly executable: string;
  readonly workload: Workload | null;
}

/** A program, where there is no one process to name. */
export interface AlertProgram {
  readonly executable: string;
  readonly workload: Workload | null;
}

/** Immutable: every change makes a new object. */
export interface Alert {
  /** A condition that comes back later is another alert. Sorts by start. */
  readonly id: string;
  /** The same whenever the condition comes back, on every node and for every pid. */
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly severity: Severity;
  readonly kind: StuckKind;
  /** Null where several processes are told as one, and for orphans. */
  readonly process: AlertProcess | null;
  readonly processCount: number;
  /** Whoever left orphans behind; null where there are processes, or nothing is known. */
  readonly program: AlertProgram | null;
  /** Of connections that this node opened; null for those that came in, for listeners, and where there are several. */
  readonly peer: Endpoint | null;
  /** How many peers are told as one; 0 where they are not. */
  readonly peerCount: number;
  /** The port that clients connected to; 0 for connections that this node opened. */
  readonly localPort: number;
  readonly stuckCount: number;
  /** Null: not known. */
  readonly totalCount: number | null;
  /** When the first of these connections got stuck. */
  readonly startUs: MonoUs;
  /** When it began to fire. */
  readonly fireUs: MonoUs;
  readonly updateUs: MonoUs;
  /** Null while it is firing. */
  readonly endUs: MonoUs | null;
  /** Null: the kernel will end none of the connections. */
  readonly earliestGiveUpUs: MonoUs | null;
  /** Up to five, the one that is stuck longest first. */
  readonly connections: readonly StuckRecord[];
  /** Until when a silence keeps it from receivers, wall-clock milliseconds; null without one. */
  readonly silencedUntilMs: number | null;
  /** Names of the receivers that are told of it. */
  readonly receivers: readonly string[];
}

/** A change of an alert, as subscribers get it. */
export interface AlertChange {
  readonly kind: 'fired' | 'updated' | 'resolved';
  readonly timeUs: MonoUs;
  readonly alert: Alert;
}

/** The alerts of this node, as outer layers read them. */
export interface AlertSource {
  /** In the order in which they began to fire. */
  firing(): readonly Alert[];
  /** Resolved lately, as far as they are kept in memory, in the order in which they were resolved. */
  resolved(): readonly Alert[];
  /**
   * Calls `listener` for every change after this call, synchronously and in order.
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (change: AlertChange) => void): () => void;
}
