/** The machine's clocks. The only place that reads them; everything else gets time as a parameter. */
import type { WallClock } from '../core/ports.js';
import type { ClockReport } from '../core/snapshot.js';

/** @returns CLOCK_MONOTONIC, microseconds; `process.hrtime` is that clock on Linux, as is `bpf_ktime_get_ns()`. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** A wall clock that learns from the sensor. */
export interface MachineClock extends WallClock {
  /** Takes newer clocks: wall time is stepped and slewed while the others run on. */
  update(clock: ClockReport): void;
}

/** Wall time from the newest clocks of the sensor; until there are any, from this process's own. */
export class SystemClock implements MachineClock {
  #monoToRealUs = Date.now() * 1000 - monotonicUs();
  #bootToRealUs = this.#monoToRealUs;

  update(clock: ClockReport): void {
    this.#monoToRealUs = clock.realUs - clock.monoUs;
    this.#bootToRealUs = clock.realUs - clock.bootUs;
  }

  monoToRealUs(monoUs: number): number {
    return monoUs + this.#monoToRealUs;
  }

  bootToRealUs(bootUs: number): number {
    return bootUs + this.#bootToRealUs;
  }

  nowUs(): number {
    return monotonicUs();
  }
}
