/** What sensors have counted and lost so far, when something was lost last, and what polling cannot look into. */
import { type CountersReport, NO_COUNTS, type ReachReport, type SensorRecord } from './core/sensor-records.js';

function lossCount(counters: CountersReport | null): number {
  return counters === null
    ? 0
    : counters.ringDropped + counters.markFailed + counters.countRejected + counters.holdingsDropped;
}

function sum(a: CountersReport, b: CountersReport): CountersReport {
  const keys = Object.keys(NO_COUNTS) as (keyof CountersReport)[];
  return Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as CountersReport;
}

export class SensorLosses {
  #before = NO_COUNTS;
  #counters: CountersReport | null = null;
  #untracked = 0;
  #lastLossUs: number | null = null;
  #reach: ReachReport | null = null;

  /** What the running sensor has counted; null before it has told. */
  get counters(): CountersReport | null {
    return this.#counters;
  }

  /** What all sensors have counted, also those that are gone: a sensor that dies under load must not hide its losses. */
  get totals(): CountersReport {
    return sum(this.#before, this.#counters ?? NO_COUNTS);
  }

  /** When something was lost last, CLOCK_MONOTONIC microseconds; null if nothing ever was. */
  get lastLossUs(): number | null {
    return this.#lastLossUs;
  }

  /** What the last sweep of the running sensor could not look into; null if it does not poll, or has not swept. */
  get reach(): ReachReport | null {
    return this.#reach;
  }

  /** Takes from `records` what is told of losses and of what cannot be looked into. @param untracked as for `take` */
  takeRecords(records: readonly SensorRecord[], untracked: number, nowUs: number): void {
    for (const record of records) {
      if (record.type === 'counters') {
        this.take(record.counters, untracked, nowUs);
      } else if (record.type === 'reach') {
        this.#reach = record.reach;
      }
    }
  }

  /** @param untracked reports of sockets that found no room in the tracker, since the daemon started */
  take(counters: CountersReport, untracked: number, nowUs: number): void {
    if (lossCount(counters) > lossCount(this.#counters) || untracked > this.#untracked) {
      this.#lastLossUs = nowUs;
    }
    this.#untracked = untracked;
    this.#counters = counters;
  }

  /** The next sensor counts from 0. */
  sensorDown(): void {
    this.#before = this.totals;
    this.#counters = null;
    this.#reach = null;
  }
}
