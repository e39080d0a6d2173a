/** For how long the event loop was kept from turning. */

/**
 * How often it is looked at: often enough to see what a client or a probe would notice, and seldom enough for an idle
 * machine. Node.js has `monitorEventLoopDelay`, which looks away for two intervals after it has been read.
 */
const INTERVAL_MS = 500;

export class EventLoopLag {
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #dueMs: number;
  #longestMs = 0;

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#dueMs = nowMs() + INTERVAL_MS;
    this.#timer = setInterval(() => {
      this.#look();
      this.#dueMs = this.#nowMs() + INTERVAL_MS;
    }, INTERVAL_MS).unref();
  }

  /** @returns the longest lag since the last call, milliseconds; of any lag the first half second may be missed. */
  takeMs(): number {
    this.#look();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** How late the timer is. */
  #look(): void {
    this.#longestMs = Math.max(this.#longestMs, this.#nowMs() - this.#dueMs);
  }
}
