/** What the agent knows about itself beyond its status: what was lost where, and how full its tables are. */
import type { CountersReport } from './sensor-records.js';

/**
 * Where something finds no room. `ring_buffer`, `marks`, `watches` and `totals` are in the sensor and count anew with it;
 * the others are in the daemon.
 */
export const DROP_STAGES = [
  'ring_buffer',
  'marks',
  'watches',
  'totals',
  'tracker',
  'stale_reuses',
  'holders',
  'subscribers',
  'alerts',
  'alert_connections',
  'outbox',
  'history',
] as const;
export type DropStage = (typeof DROP_STAGES)[number];

/** The tables that have a bound which somebody may want to see coming. */
export const AGENT_TABLES = [
  'tracked_connections',
  'ended_records',
  'firing_alerts',
  'alert_connections',
  'subscribers',
  'outbox',
  'counted_totals',
  'idle_limits',
] as const;
export type AgentTable = (typeof AGENT_TABLES)[number];

export const WATCHED_STREAMS = ['connections', 'alerts'] as const;
export type WatchedStream = (typeof WATCHED_STREAMS)[number];

export interface TableFill {
  readonly entries: number;
  readonly capacity: number;
}

export interface AgentFacts {
  readonly dropped: Readonly<Record<DropStage, number>>;
  readonly tables: Readonly<Record<AgentTable, TableFill>>;
  /** Watches that are open. */
  readonly subscribers: Readonly<Record<WatchedStream, number>>;
  /** What the sensor has counted; null before it has told. */
  readonly counters: CountersReport | null;
  /** How the last attempt to read the configuration went. */
  readonly reload: {
    readonly isSuccessful: boolean;
    /** When it was read last without a mistake, microseconds since 1970. */
    readonly lastSuccessRealUs: number;
  };
}
