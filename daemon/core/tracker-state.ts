/** What the tracker remembers. Only the `tracker-*` files change it. */
import type { Candidate } from './classify.js';
import { DeadlineQueue } from './deadline-queue.js';
import type { TickClock } from './jiffies.js';
import { OUTCOMES, STUCK_KINDS, type Outcome, type StuckKind } from './kinds.js';
import { IdleLimits } from './idle-limits.js';
import type { Ownership } from './ownership.js';
import type { RecordIdentity } from './record-builder.js';
import type { StuckRecord } from './record.js';
import { inOnePiece } from './shared-text.js';
import type { Since } from './since.js';
import type { Reuse } from './stale-reuse.js';
import type { Standing } from './standing.js';
import type { ClockReport, HolderReport, KernelFacts, PassKind, ProcessReport, SocketSnapshot } from './snapshot.js';
import type { TrackerConfig } from './tracker-config.js';
import type { SavedState, TrackerEffect } from './tracker-messages.js';

/** One socket: a suspect while `open` is null. */
export interface Entry {
  /** `socketKey` of it. */
  readonly key: string;
  /** When it was first reported, CLOCK_MONOTONIC microseconds. */
  readonly firstSeenUs: number;
  /** The newest snapshot. */
  socket: SocketSnapshot;
  /** The sensor observes it: events arrive, and refreshes tell what changed. */
  marked: boolean;
  /** The sensor was asked to report it in sweeps. */
  watched: boolean;
  /** The condition that it is in, and since when without any progress. */
  standing: Standing | null;
  ownership: Ownership;
  /** The begin of a complete sweep that found no descriptor of it, until `ownership` has taken that into account. */
  unheldAsOfUs: number | null;
  /** The newest sweep that reported it. */
  lastSweepId: number | null;
  /** Set while the sensor does not observe it and should: after a restart, or after a pass did not find it. */
  missing: Missing | null;
  /** For suspects: what they may become. */
  candidate: Candidate | null;
  open: OpenRecord | null;
}

/** Events and passes come through different queues: what a pass did or did not find may still be explained by an event. */
export const EVENT_LAG_US = 1_000_000;

/** An entry of which the sensor knows nothing at present. */
export interface Missing {
  /** Only passes that began later can tell. */
  readonly sinceUs: number;
  /** A complete pass that began after this and did not bring it back proves that it is gone; null: not known yet. */
  goneAtUs: number | null;
  /** The first visit that showed its end, whose event may still be on its way. */
  readonly visit?: SocketSnapshot;
}

export interface OpenRecord {
  identity: RecordIdentity;
  kind: StuckKind;
  since: Since;
  record: StuckRecord;
  /** The snapshot that the forecast of `record` was made from; null if it comes from a run before this one. */
  forecastOf: SocketSnapshot | null;
}

/** A request that failed, of which the process is still being looked up. */
export interface PendingReuse {
  readonly key: string;
  readonly socket: SocketSnapshot;
  readonly reuse: Reuse;
  /** When the RST came, or the application closed; CLOCK_MONOTONIC microseconds. */
  readonly endUs: number;
  outcome: Outcome;
  /** Who closed it; 0 while that is not known. */
  closerTgid: number;
  /** Since when there is something to look for: from the end, or from the moment that told who closed it. */
  lookUs: number;
  /** Sweeps that began after that. */
  sweeps: number;
}

/** The pass that is running. */
export interface RunningPass {
  readonly passId: number;
  readonly kind: PassKind;
  readonly beginUs: number;
  /** Sweeps only: the processes by `processKey`, and the descriptors by `socketKey`. */
  readonly processes: Map<string, ProcessReport>;
  readonly holders: Map<string, HolderReport[]>;
}

/** Works out, piece by piece, what a pass has to say; each piece is part of the call of `step` that it gets. */
export type Conclusion = Generator<undefined, undefined, Step>;

/** The clocks and constants of the running kernel. */
export interface KernelContext {
  readonly kernel: KernelFacts;
  readonly clock: ClockReport;
  readonly ticks: TickClock;
}

/** Totals since the tracker was made. */
export interface TrackerCounters {
  opened: number;
  /** Open records taken over from before a restart of the daemon. */
  restored: number;
  readonly endedByOutcome: Map<Outcome, number>;
  /** Suspects that made room for others. */
  evicted: number;
  /** Reports of sockets for which there was no room at all. */
  refused: number;
  /** Untrusted reports that could not be keyed, or of a socket that is observed anyway. */
  untrustedIgnored: number;
  /** Reports older than what was known already. */
  staleIgnored: number;
  /** Reports that came while no sensor was up, or outside of the pass that they name. */
  unexpectedIgnored: number;
  /** Stale reuses that found no room. */
  reusesDropped: number;
  /** Descriptors and processes beyond the bounds of one sweep. */
  holdersDropped: number;
}

export interface TrackerState {
  /** Assigned by `reconfigure` of the shell; the state itself stays the same one, which a conclusion under way holds on to. */
  config: TrackerConfig;
  readonly entries: Map<string, Entry>;
  /** How many open records there are of each kind. Counted as they come and go: status is asked for in the middle of a storm. */
  readonly stuckByKind: Map<StuckKind, number>;
  /** Keys of the entries without a record, oldest first. */
  readonly suspects: Set<string>;
  /** When suspects will fulfil their rule. */
  readonly deadlines: DeadlineQueue;
  /** Suspects whose deadline has passed: they wait for a pass that shows that nothing changed. */
  readonly due: Set<string>;
  /** Keys of the entries with `missing`. */
  readonly missing: Set<string>;
  /** Keys of the entries with `unheldAsOfUs`. */
  readonly unheld: Set<string>;
  /** When sockets that are tracked no longer were last heard of; oldest first. */
  readonly forgotten: Map<string, number>;
  /** Stale reuses whose process is being looked up, by key. */
  readonly reuses: Map<string, PendingReuse>;
  readonly idleLimits: IdleLimits;
  /** Id of the last record that ended, by key; oldest first. */
  readonly lastIds: Map<string, string>;
  /** Null until a sensor was up. */
  context: KernelContext | null;
  sensorUp: boolean;
  /** When the sensor came up last: what happened since then was seen as it happened. CLOCK_MONOTONIC microseconds. */
  sensorUpUs: number;
  pass: RunningPass | null;
  /** What the last pass has to say, as far as it was not worked out yet. */
  conclusion: Conclusion | null;
  /** Whom the last complete sweep told of. */
  sweptProcesses: ReadonlyMap<string, ProcessReport>;
  /** Begin of the last complete refresh: unreported marked sockets are unchanged as of then. */
  refreshedUs: number;
  /** Events that the running sensor had no room for, as far as it has told. */
  ringDropped: number;
  /** Passes that were asked for and have not begun. */
  readonly requested: Set<PassKind>;
  /** Saved records that wait for the sensor to tell which boot this is. */
  saved: SavedState | null;
  readonly counters: TrackerCounters;
}

/** One call of `step`. */
export interface Step {
  readonly state: TrackerState;
  readonly nowUs: number;
  readonly effects: TrackerEffect[];
}

export function createTrackerState(config: TrackerConfig): TrackerState {
  return {
    config,
    entries: new Map(),
    stuckByKind: new Map(STUCK_KINDS.map((kind) => [kind, 0])),
    suspects: new Set(),
    deadlines: new DeadlineQueue(),
    due: new Set(),
    missing: new Set(),
    unheld: new Set(),
    forgotten: new Map(),
    reuses: new Map(),
    idleLimits: new IdleLimits(config.maxIdleLimits),
    lastIds: new Map(),
    context: null,
    sensorUp: false,
    sensorUpUs: 0,
    pass: null,
    conclusion: null,
    sweptProcesses: new Map(),
    refreshedUs: -Infinity,
    ringDropped: 0,
    requested: new Set(),
    saved: null,
    counters: {
      opened: 0,
      restored: 0,
      endedByOutcome: new Map(OUTCOMES.map((outcome) => [outcome, 0])),
      evicted: 0,
      refused: 0,
      untrustedIgnored: 0,
      staleIgnored: 0,
      unexpectedIgnored: 0,
      reusesDropped: 0,
      holdersDropped: 0,
    },
  };
}

/** Identity of a socket. Cookies are unique on a node since 5.10, and per network namespace before. */
export function socketKey(netns: number, cookie: bigint): string {
  return inOnePiece([netns, cookie], ':');
}

/** A record has opened as one of this kind, or is none of it any more. */
export function countStuck({ stuckByKind }: TrackerState, kind: StuckKind, change: 1 | -1): void {
  stuckByKind.set(kind, (stuckByKind.get(kind) ?? 0) + change);
}

/** A record has ended. */
export function countEnd({ endedByOutcome }: TrackerCounters, outcome: Outcome): void {
  endedByOutcome.set(outcome, (endedByOutcome.get(outcome) ?? 0) + 1);
}

/** Adds to a map that remembers the newest `max` keys. */
export function remember<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) {
      break;
    }
    map.delete(oldest);
  }
}

/** Asks for a pass, unless one was asked for that has not begun yet. */
export function requestPass(step: Step, kind: PassKind): void {
  const { state, effects } = step;
  if (state.sensorUp && !state.requested.has(kind)) {
    state.requested.add(kind);
    effects.push({ type: 'request_pass', kind });
  }
}
