/** The shell around the pure tracker: sensor records in, effects out, one timer; and what clients read. */
import { Counterparts } from '../core/counterparts.js';
import type { Observation, ObservedSocket } from '../core/observation.js';
import type { RecordChange, RecordSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import type { SensorRecord } from '../core/sensor-records.js';
import {
  type ClockReport,
  isCompleteSweep,
  type KernelFacts,
  type PassKind,
  type PassReport,
} from '../core/snapshot.js';
import { isConcluding, nextDeadlineUs, observed, saveable, step } from '../core/tracker.js';
import type { SavedState, TrackerEffect, TrackerInput } from '../core/tracker-messages.js';
import { createTrackerState, type TrackerState } from '../core/tracker-state.js';
import type { TrackerConfig } from '../core/tracker-config.js';
import type { MachineClock } from '../lib/system-clock.js';

/** Where the engine's requests to the sensor go. */
export interface SensorPort {
  requestPass(kind: PassKind): void;
  watch(cookie: bigint): void;
  unwatch(cookie: bigint): void;
}

export interface EngineOptions {
  readonly config: TrackerConfig;
  /** Ended records that are kept for queries. */
  readonly endedMax: number;
  readonly clock: MachineClock;
  readonly sensor: SensorPort;
  /** Called when what must survive a restart has changed. */
  readonly onSaveable: () => void;
}

/** The longest that setTimeout() can wait; a longer wait is cut and armed again. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** What is kept of a connection that is stuck no longer. */
interface EndedRecord {
  readonly record: StuckRecord;
  readonly observation: Observation | null;
}

export class TrackerEngine implements RecordSource {
  readonly #options: EngineOptions;
  readonly #state: TrackerState;
  #endedMax: number;
  readonly #open = new Map<string, StuckRecord>();
  /** In the order in which they ended; the oldest leaves first. */
  readonly #ended = new Map<string, EndedRecord>();
  readonly #counterparts = new Counterparts();
  readonly #listeners = new Set<(change: RecordChange) => void>();
  #timer: NodeJS.Timeout | null = null;
  #timerDueUs = Infinity;
  #lastSweep: PassReport | null = null;
  /** A complete sweep whose end is not worked out yet. */
  #endingSweep: PassReport | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#state = createTrackerState(options.config);
    this.#endedMax = options.endedMax;
  }

  get state(): TrackerState {
    return this.#state;
  }

  /** The last complete sweep, null before the first. */
  get lastSweep(): PassReport | null {
    return this.#lastSweep;
  }

  /**
   * Goes on with other thresholds. Suspects are judged by them when they are reported next, which is asked for at once;
   * what is a record already stays one until it ends.
   */
  reconfigure(config: TrackerConfig, endedMax: number): void {
    this.#state.config = config;
    this.#endedMax = endedMax;
    this.#dropOldEnded();
    if (this.#state.sensorUp) {
      this.#options.sensor.requestPass('sweep');
      this.#options.sensor.requestPass('refresh_full');
    }
    this.#arm();
  }

  sensorUp(kernel: KernelFacts, clock: ClockReport): void {
    this.#options.clock.update(clock);
    this.#apply({ type: 'sensor_up', kernel, clock });
    this.#arm();
  }

  sensorDown(): void {
    this.#apply({ type: 'sensor_down' });
    this.#arm();
  }

  /** Brings back what the last run of the daemon left open. */
  restore(saved: SavedState): void {
    this.#apply({ type: 'restore', saved });
    this.#arm();
  }

  take(records: readonly SensorRecord[]): void {
    const nowUs = this.#options.clock.nowUs();
    for (const record of records) {
      this.#take(record, nowUs);
    }
    this.#arm();
  }

  /** The end of a pass has more to say than fits in one turn: nothing should be taken before `goOn` has told it all. */
  get isConcluding(): boolean {
    return isConcluding(this.#state);
  }

  goOn(): void {
    this.#apply({ type: 'go_on' });
    this.#arm();
  }

  /** What must be on disk for ids to survive. */
  saveable(): SavedState | null {
    return saveable(this.#state);
  }

  /** Stops the timer; nothing changes any more by itself. */
  stop(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
  }

  open(): readonly StuckRecord[] {
    return [...this.#open.values()];
  }

  recentlyEnded(): readonly StuckRecord[] {
    return [...this.#ended.values()].map(({ record }) => record).sort((a, b) => a.detectedUs - b.detectedUs);
  }

  find(id: string): StuckRecord | undefined {
    return this.#open.get(id) ?? this.#ended.get(id)?.record;
  }

  observed(id: string): ObservedSocket | null {
    const open = this.#open.get(id);
    if (open !== undefined) {
      return observed(this.#state, open);
    }
    const { context } = this.#state;
    const observation = this.#ended.get(id)?.observation ?? null;
    return context === null || observation === null
      ? null
      : { ...observation, kernel: context.kernel, clock: context.clock };
  }

  subscribe(listener: (change: RecordChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #take(record: SensorRecord, nowUs: number): void {
    switch (record.type) {
      case 'counters':
      case 'socket':
      case 'polled':
      case 'process':
      case 'holder':
        this.#apply(record, nowUs);
        return;
      case 'pass':
        if (isCompleteSweep(record.pass)) {
          this.#endingSweep = record.pass;
        }
        this.#apply(record, nowUs);
        return;
      case 'clock':
        this.#options.clock.update(record.clock);
        this.#apply(record, nowUs);
        return;
      case 'interest':
      case 'holding':
      case 'reach':
      case 'mode':
      case 'hello':
      case 'program':
      case 'feature':
      case 'ready':
      case 'failure':
        return; // not about sockets
    }
  }

  /** After every input: most of them make the tracker finish a conclusion first. */
  #noteSweep(): void {
    if (this.#endingSweep !== null && !this.isConcluding) {
      this.#lastSweep = this.#endingSweep;
      this.#endingSweep = null;
    }
  }

  #apply(input: TrackerInput, nowUs = this.#options.clock.nowUs()): void {
    let dirty = false;
    for (const effect of step(this.#state, input, nowUs)) {
      dirty = this.#perform(effect) || dirty;
    }
    if (dirty) {
      this.#options.onSaveable();
    }
    this.#noteSweep();
  }

  /** @returns true if what must survive a restart has changed */
  #perform(effect: TrackerEffect): boolean {
    switch (effect.type) {
      case 'opened':
      case 'updated':
        this.#publishOpen(effect.type, effect.record, effect.timeUs);
        return true;
      case 'ended': {
        const record = this.#linked(effect.record);
        this.#open.delete(record.id);
        this.#counterparts.remove(record.id);
        this.#keepEnded({ record, observation: effect.observation });
        this.#publish({ kind: 'ended', timeUs: effect.timeUs, record });
        return true;
      }
      case 'request_pass':
        this.#options.sensor.requestPass(effect.kind);
        return false;
      case 'watch':
        this.#options.sensor.watch(effect.cookie);
        return false;
      case 'unwatch':
        this.#options.sensor.unwatch(effect.cookie);
        return false;
    }
  }

  /** Both ends of a connection learn of each other as the second one opens. */
  #publishOpen(kind: 'opened' | 'updated', change: StuckRecord, timeUs: number): void {
    const otherId = this.#counterparts.add(change);
    const record = this.#linked(change);
    this.#open.set(record.id, record);
    this.#publish({ kind, timeUs, record });
    const other = otherId === null ? undefined : this.#open.get(otherId);
    if (other !== undefined) {
      const linked = this.#linked(other);
      this.#open.set(linked.id, linked);
      this.#publish({ kind: 'updated', timeUs, record: linked });
    }
  }

  #linked(record: StuckRecord): StuckRecord {
    const counterpartId = this.#counterparts.of(record.id);
    return counterpartId === null ? record : { ...record, counterpartId };
  }

  #keepEnded({ record, observation }: EndedRecord): void {
    this.#ended.set(record.id, { record, observation });
    this.#dropOldEnded();
  }

  #dropOldEnded(): void {
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= this.#endedMax) {
        return;
      }
      this.#ended.delete(oldest);
    }
  }

  #publish(change: RecordChange): void {
    for (const listener of this.#listeners) {
      listener(change);
    }
  }

  /** One timer for the earliest thing that time alone decides. */
  #arm(): void {
    const dueUs = nextDeadlineUs(this.#state) ?? Infinity;
    if (dueUs === this.#timerDueUs && this.#timer !== null) {
      return;
    }
    this.stop();
    this.#timerDueUs = dueUs;
    if (dueUs === Infinity) {
      return;
    }
    const waitMs = Math.max(1, Math.ceil((dueUs - this.#options.clock.nowUs()) / 1000));
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#apply({ type: 'tick' });
        this.#arm();
      },
      Math.min(waitMs, TIMER_MAX_MS),
    );
  }
}
