/** How many connections there are in all, stuck or not: what turns "3 are stuck" into "3 of 10". */
import type { Peer } from './interest.js';

/** A process by its identity: pid and start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** CLOCK_BOOTTIME, microseconds. */
  readonly startBootUs: number;
}

/** What became of new connections to a peer while others to it were stuck. All times are CLOCK_MONOTONIC, microseconds. */
export interface NewConnections {
  readonly succeeded: number;
  readonly failed: number;
  readonly lastSuccessUs: number | null;
  readonly lastFailureUs: number | null;
}

/** Totals as of the last sweep. Null: not known, since nothing of it was stuck when the last sweep began. */
export interface ConnectionTotals {
  /** All TCP connections of a process. */
  ofProcess(process: ProcessIdentity): number | null;
  /** Connections of a process to a peer. */
  ofDestination(process: ProcessIdentity, peer: Peer): number | null;
  /** Connections of all processes to a peer; one that several processes share counts once. */
  ofPeer(peer: Peer): number | null;
  /** Connections that came in on this port and are held by this process. */
  ofListener(process: ProcessIdentity, localPort: number): number | null;
  /** Null: nobody has watched this peer so far. */
  newConnections(peer: Peer): NewConnections | null;
}

/** Before the first sweep, and where the sensor does not count. */
export const NO_TOTALS: ConnectionTotals = {
  ofProcess: () => null,
  ofDestination: () => null,
  ofPeer: () => null,
  ofListener: () => null,
  newConnections: () => null,
};
