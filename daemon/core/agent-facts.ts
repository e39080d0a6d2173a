/** What the agent knows about itself beyond its status: what was lost where, and how full its tables are. */
import type { CountersReport } from './sensor-records.js';

/** Where something finds no room, and what follows. */
export const DROP_STAGE_MEANINGS = {
  ring_buffer: 'events of the kernel; the next refresh or sweep tells what they would have told',
  marks: 'sockets that could not be observed for lack of kernel memory; sweeps try again',
  watch_requests: 'sockets that the sensor was asked to report; sweeps ask again',
  totals: 'peers and processes of which the sensor could not count all connections',
  tracker: 'reports of connections that could not be followed; every sweep reports them anew',
  stale_reuses: 'failed requests on dead pooled connections whose process was not looked up',
  holders: 'descriptors beyond the first of one socket, and processes, that a record does not name',
  subscribers: 'changes that slow gRPC clients were not told one by one',
  alerts: 'conditions that held while no further alert had room; they fire when there is',
  alert_connections: 'connections that no alert rule looked at',
  outbox: 'messages to receivers, the oldest first',
  history: 'ended records and alerts, and changes, that were not written to disk',
  http_connections: 'connections to this endpoint',
} as const;
export type DropStage = keyof typeof DROP_STAGE_MEANINGS;
export const DROP_STAGES = Object.keys(DROP_STAGE_MEANINGS) as readonly DropStage[];

/** The tables that have a bound which somebody may want to see coming. Rings, which are full as a rule, are not here. */
export const AGENT_TABLE_MEANINGS = {
  tracked_connections: 'stuck connections and suspects',
  firing_alerts: 'alerts.maxFiring',
  alert_connections: 'stuck connections that alert rules look at',
  subscribers: 'watches, grpc.maxSubscribers',
  outbox: 'messages that wait for receivers',
  counted_totals: 'peers, listeners and processes that the sensor counts connections of',
} as const;
export type AgentTable = keyof typeof AGENT_TABLE_MEANINGS;
export const AGENT_TABLES = Object.keys(AGENT_TABLE_MEANINGS) as readonly AgentTable[];

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
  /** What all sensors since the start have counted. */
  readonly counters: CountersReport;
  /** How the last attempt to read the configuration went. */
  readonly reload: {
    readonly isSuccessful: boolean;
    /** When it was read last without a mistake, microseconds since 1970. */
    readonly lastSuccessRealUs: number;
  };
}
