/** What sensor and tracker have lost so far, and when they lost something last. */
import type { CountersReport } from './core/sensor-records.js';

/** What a sensor has lost; none before it has told. */
function lossCount(counters: CountersReport | null): number {
  return counters === null
    ? 0
    : counters.ringDropped + counters.markFailed + counters.countRejected + counters.holdingsDropped;
}

export class SensorLosses {
  #counters: CountersReport | null = null;
  #untracked = 0;
  #lastLossUs: number | null = null;

  /** What the running sensor has counted; null before it has told. */
  get counters(): CountersReport | null {
    return this.#counters;
  }

  /** When something was lost last, CLOCK_MONOTONIC microseconds; null if nothing ever was. */
  get lastLossUs(): number | null {
    return this.#lastLossUs;
  }

  /** @param untracked sockets that found no room in the tracker, since the daemon started */
  take(counters: CountersReport, untracked: number, nowUs: number): void {
    if (lossCount(counters) > lossCount(this.#counters) || untracked > this.#untracked) {
      this.#lastLossUs = nowUs;
    }
    this.#untracked = untracked;
    this.#counters = counters;
  }

  /** The next sensor counts from 0. */
  sensorDown(): void {
    this.#counters = null;
  }
}
