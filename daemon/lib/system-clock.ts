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

/** Pairs of clocks are read one after the other: a difference below this is how they were read, not a step. */
const PAIR_NOISE_US = 1000;

/**
 * Wall time from the clocks of the sensor; until there are any, from this process's own. The same instant is the same
 * wall time each time it is asked for, as long as the machine's clock is not set.
 */
export class SystemClock implements MachineClock {
  #monoToRealUs = Date.now() * 1000 - monotonicUs();
  #bootToRealUs = this.#monoToRealUs;
  #learnt = false;

  update(clock: ClockReport): void {
    const monoToRealUs = clock.realUs - clock.monoUs;
    if (this.#learnt && Math.abs(monoToRealUs - this.#monoToRealUs) < PAIR_NOISE_US) {
      return;
    }
    this.#learnt = true;
    this.#monoToRealUs = monoToRealUs;
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
