/** What goes into the tracker and what comes out. */
import type { Observation } from './observation.js';
import type { StuckRecord } from './record.js';
import type { SensorRecord } from './sensor-records.js';
import type { ClockReport, KernelFacts, PassKind, SocketSnapshot } from './snapshot.js';

/** An input of `step`. What the sensor observes goes in as it was decoded. */
export type TrackerInput =
  | Extract<SensorRecord, { type: 'clock' | 'counters' | 'socket' | 'polled' | 'process' | 'holder' | 'pass' }>
  /** The sensor has attached its programs. It is new: it has marked no socket yet. */
  | { readonly type: 'sensor_up'; readonly kernel: KernelFacts; readonly clock: ClockReport }
  | { readonly type: 'sensor_down' }
  /** What `saveable` gave before the daemon was restarted; the first input, if there is any. */
  | { readonly type: 'restore'; readonly saved: SavedState }
  /** `nextDeadlineUs` has come. Nothing else needs ticks. */
  | { readonly type: 'tick' }
  /** `isConcluding`, and other work had its turn. */
  | { readonly type: 'go_on' };

/** What the shell has to do after a step, in order. `timeUs` is when it happened, CLOCK_MONOTONIC microseconds. */
export type TrackerEffect =
  | { readonly type: 'opened' | 'updated'; readonly record: StuckRecord; readonly timeUs: number }
  | {
      readonly type: 'ended';
      readonly record: StuckRecord;
      readonly timeUs: number;
      /** Its socket as it was before the end; null if that was in another boot. */
      readonly observation: Observation | null;
    }
  /** Ask the sensor for a pass as soon as possible. */
  | { readonly type: 'request_pass'; readonly kind: PassKind }
  /** Ask the sensor to report this socket in the next sweeps even if it looks healthy; or no longer. */
  | { readonly type: 'watch' | 'unwatch'; readonly cookie: bigint };

/** Open records as they are kept on disk. Plain data, with bigints. */
export interface SavedState {
  /** The boot that the times and cookies belong to. */
  readonly bootId: string;
  /** A pair of clocks of that boot. */
  readonly clock: ClockReport;
  readonly entries: readonly SavedEntry[];
}

/** One open record and what is needed to go on with it. */
export interface SavedEntry {
  readonly record: StuckRecord;
  /** The newest snapshot: what happened meanwhile is told by comparison with it. */
  readonly socket: SocketSnapshot;
}
