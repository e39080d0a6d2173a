/** What is kept beside a record so that questions about it can be answered later. */
import type { ClockReport, KernelFacts, SocketSnapshot } from './snapshot.js';

/** The socket of a record as it was seen last while it was stuck. */
export interface Observation {
  readonly socket: SocketSnapshot;
  /** Since when its FIN is unacknowledged, CLOCK_MONOTONIC microseconds; null while it is not closed. */
  readonly closedUs: number | null;
}

/** An observation with the kernel that made it. */
export interface ObservedSocket extends Observation {
  readonly kernel: KernelFacts;
  readonly clock: ClockReport;
}
