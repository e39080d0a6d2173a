/** What the outer layers give each other, as interfaces; `app.ts` puts the implementations together. */
import type { ReceiverReport } from './delivery.js';
import type { IdleLimit } from './idle-limits.js';
import type { Outcome, StuckKind } from './kinds.js';
import type { ObservedSocket } from './observation.js';
import type { StuckRecord } from './record.js';
import type { ReachReport, SensorMode } from './sensor-records.js';
import type { Workload } from './workload.js';

/** Converts CLOCK_MONOTONIC and CLOCK_BOOTTIME to wall time, with the newest pair of clocks from the sensor. */
export interface WallClock {
  /** @returns microseconds since 1970, UTC. */
  monoToRealUs(monoUs: number): number;
  bootToRealUs(bootUs: number): number;
  /** @returns CLOCK_MONOTONIC now, microseconds. */
  nowUs(): number;
}

/** A change of a record, as subscribers get it. */
export interface RecordChange {
  readonly kind: 'opened' | 'updated' | 'ended';
  readonly timeUs: number;
  readonly record: StuckRecord;
}

/** The records of this node, as the RPC layer reads them. */
export interface RecordSource {
  /** Stuck now, in the order in which this daemon opened or restored them. */
  open(): readonly StuckRecord[];
  /** Ended recently, as far as they are kept, oldest detection first. */
  recentlyEnded(): readonly StuckRecord[];
  /** Stuck or recently ended. */
  find(id: string): StuckRecord | undefined;
  /** The socket of a record as it was seen last while it was stuck; null if that is not known. */
  observed(id: string): ObservedSocket | null;
  /**
   * Calls `listener` for every change after this call, synchronously and in order.
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (change: RecordChange) => void): () => void;
}

/** One BPF program of the sensor. */
export interface ProgramInfo {
  readonly name: string;
  readonly attached: boolean;
  readonly message: string;
}

/** Something that a polling sensor does not know. */
export interface Degradation {
  readonly name: string;
  /** What stuckd cannot do without it. */
  readonly loss: string;
}

/** What the last sweep of a polling sensor looked into, and what it could not. */
export type SensorReach = Omit<ReachReport, 'passId'>;

export type SensorState = 'starting' | 'running' | 'backoff' | 'stopped';

/** What became of alerts, since the daemon started but for `firing`. */
export interface AlertingReport {
  readonly firing: number;
  readonly fired: number;
  readonly resolved: number;
  /** Conditions that held while there was no room for a further alert. */
  readonly alertsDropped: number;
  /** Records for which the alert rules had no room. */
  readonly connectionsDropped: number;
  readonly receivers: readonly ReceiverReport[];
}

/** The agent's own state, as `GetStatus` reports it. */
export interface StatusReport {
  readonly version: string;
  readonly startRealUs: number;
  readonly pid: number;
  readonly healthy: boolean;
  readonly problems: readonly string[];
  /** Those of them that keep it from telling what is stuck; empty once the first sweep is complete. */
  readonly notReady: readonly string[];
  readonly sensor: {
    readonly state: SensorState;
    readonly pid: number;
    readonly version: string;
    readonly capabilities: readonly string[];
    readonly restarts: number;
    readonly lastError: string;
    readonly programs: readonly ProgramInfo[];
    readonly ringBufferDrops: number;
    /** Null while it does not run. */
    readonly mode: SensorMode | null;
    /** Why it polls; empty if it does not. */
    readonly modeReason: string;
    /** Null where it does not poll, and before its first sweep. */
    readonly reach: SensorReach | null;
    /** Empty where it does not poll. */
    readonly degradations: readonly Degradation[];
  };
  readonly sweep: {
    readonly endUs: number;
    readonly durationUs: number;
    readonly sockets: number;
    readonly connections: number;
    readonly processes: number;
    /** CPU time that it took. */
    readonly cpuUs: number;
    /** How long the sensor waits from one to the next: longer than configured if they would take too much CPU time. */
    readonly intervalMs: number;
    readonly configuredIntervalMs: number;
    /** What they may take of one core. */
    readonly cpuPercentMax: number;
  } | null;
  readonly tracker: {
    readonly suspects: number;
    readonly stuckByKind: ReadonlyMap<StuckKind, number>;
    readonly opened: number;
    readonly endedByOutcome: ReadonlyMap<Outcome, number>;
    readonly evicted: number;
  };
  /** The last one seen first; at most 100. */
  readonly idleLimits: readonly IdleLimit[];
  readonly alerting: AlertingReport;
  readonly node: NodeFacts;
}

/** The machine; facts that could not be read are empty or 0. */
export interface NodeFacts {
  readonly hostname: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly operatingSystem: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly model: string;
}

/** What of a record says who holds its socket, or held it. */
export type Held = Pick<StuckRecord, 'owner' | 'lastOwner' | 'ownerType' | 'creatorCgroupId'>;

/** What processes belong to, as far as it is known now; cheap enough to call for every record. */
export interface WorkloadSource {
  /** Of its owner, or its last owner; without either, of whoever created the socket. Null: nothing is known. */
  workloadOf(record: Held): Workload | null;
}

/** Gives the present state; cheap enough to call on every request. */
export interface StatusSource {
  status(): StatusReport;
}
