/** The shell around the totals: tells the sensor what to count, and takes what it counts. */
import type { TableFill } from '../core/agent-facts.js';
import type { Interest } from '../core/interest.js';
import { COUNTED_MAX, type InterestChange, InterestLedger } from '../core/interest-ledger.js';
import type { RecordChange } from '../core/ports.js';
import { isCompleteSweep } from '../core/snapshot.js';
import type { SensorRecord } from '../core/sensor-records.js';
import { type PeerTotals, SweepTotals } from '../core/sweep-totals.js';

/** Where its requests go. */
export interface CountingPort {
  count(id: number, interest: Interest): void;
  uncount(id: number, interest: Interest): void;
  /** A sweep as soon as possible: what has begun to be counted is known after the next one. */
  requestSweep(): void;
}

export interface TotalsOptions {
  readonly sensor: CountingPort;
  /** CLOCK_MONOTONIC now, microseconds. */
  readonly nowUs: () => number;
  /** Called when a sweep is complete and its totals are there. */
  readonly onCounted: () => void;
}

export class TotalsEngine {
  readonly #options: TotalsOptions;
  readonly #ledger = new InterestLedger();
  readonly #totals = new SweepTotals(this.#ledger);
  #isUp = false;
  #flush: NodeJS.Immediate | null = null;

  constructor(options: TotalsOptions) {
    this.#options = options;
  }

  get totals(): PeerTotals {
    return this.#totals;
  }

  /** Peers, listeners and processes that the sensor counts for, and how many it could. */
  get fill(): TableFill {
    return { entries: this.#ledger.counted, capacity: COUNTED_MAX };
  }

  /** Peers, listeners and processes that the sensor has no room for. */
  get uncounted(): number {
    return this.#ledger.waiting;
  }

  /** Takes a change of a record. The sensor is told once all that came at the same time is known. */
  change({ kind, record }: RecordChange): void {
    const nowUs = this.#options.nowUs();
    if (kind === 'ended') {
      this.#ledger.remove(record.id, nowUs);
    } else {
      this.#ledger.update(record, nowUs);
    }
    this.#flush ??= setImmediate(() => {
      this.#flush = null;
      this.#tellChanges();
    });
  }

  take(records: readonly SensorRecord[]): void {
    let isCounted = false;
    for (const record of records) {
      this.#totals.take(record);
      isCounted ||= record.type === 'pass' && isCompleteSweep(record.pass);
      if (record.type === 'counters') {
        this.#tellChanges(); // comes with every sweep: what is not of interest any more is found in time
      }
    }
    if (isCounted) {
      this.#options.onCounted();
    }
  }

  sensorUp(hz: number): void {
    this.#isUp = true;
    this.#totals.sensorUp(hz);
    this.#ledger.takeChanges(this.#options.nowUs());
    this.#tell(this.#ledger.told());
  }

  sensorDown(): void {
    this.#isUp = false;
    this.#totals.sensorDown();
  }

  /** Nothing is told any more. */
  stop(): void {
    if (this.#flush !== null) {
      clearImmediate(this.#flush);
      this.#flush = null;
    }
  }

  #tellChanges(): void {
    // A sensor that is not up yet is told everything when it is.
    if (this.#isUp) {
      this.#tell(this.#ledger.takeChanges(this.#options.nowUs()));
    }
  }

  #tell(changes: readonly InterestChange[]): void {
    const { sensor } = this.#options;
    for (const { type, id, interest } of changes) {
      sensor[type](id, interest);
    }
    if (changes.some(({ type, interest }) => type === 'count' && interest.kind !== 'process')) {
      sensor.requestSweep();
    }
  }
}
