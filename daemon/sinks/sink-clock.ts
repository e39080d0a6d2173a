/** Wall time and timers, so that tests can let hours pass. */

export interface SinkClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** @returns a function that calls it off. */
  after(delayMs: number, callback: () => void): () => void;
}

export const SYSTEM_SINK_CLOCK: SinkClock = {
  nowMs: Date.now,
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
