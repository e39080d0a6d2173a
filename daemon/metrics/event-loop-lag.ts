/** For how long the event loop was kept from turning. */
import { performance } from 'node:perf_hooks';

/**
 * How often it is looked at while there is work: often enough to see what a client or a probe would notice. Node.js has
 * `monitorEventLoopDelay`, which looks away for two intervals after it has been read, and wakes an idle machine as often.
 */
const BUSY_MS = 250;
/** And while there is none: of two wake-ups a second a quarter remains. */
const IDLE_MS = 2000;
/** Share of the time in which the loop worked; a sweep where nothing is stuck makes a tenth of this. */
const BUSY_SHARE = 0.01;

/** @returns a function that says in which share of the time since its last call the event loop worked */
function loopUsage(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

export class EventLoopLag {
  readonly #nowMs: () => number;
  readonly #usage: () => number;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #longestMs = 0;

  /**
   * @param nowMs a clock that never goes back
   * @param usage in which share of the time since its last call there was work
   */
  constructor(nowMs: () => number = () => performance.now(), usage: () => number = loopUsage()) {
    this.#nowMs = nowMs;
    this.#usage = usage;
    this.#arm(BUSY_MS);
  }

  /** @returns the longest lag since the last call, milliseconds; of one that ends an idle time two seconds may be missed. */
  takeMs(): number {
    this.#look();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(waitMs: number): void {
    this.#dueMs = this.#nowMs() + waitMs;
    this.#timer = setTimeout(() => {
      this.#look();
      this.#arm(this.#usage() > BUSY_SHARE ? BUSY_MS : IDLE_MS);
    }, waitMs).unref();
  }

  /** How late the timer is. */
  #look(): void {
    this.#longestMs = Math.max(this.#longestMs, this.#nowMs() - this.#dueMs);
  }
}
