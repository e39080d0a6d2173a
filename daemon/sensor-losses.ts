/** What sensors have counted and lost so far, and when something was lost last. */
import { type CountersReport, NO_COUNTS } from './core/sensor-records.js';

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
  }
}
