/** How long a watch waits before it is tried again. */
import { setTimeout as delay } from 'node:timers/promises';
import { Backoff } from '../lib/backoff.js';

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 5000;

/** Waits for so many milliseconds; ends early, and without an error, with the signal. */
export type Pause = (forMs: number, signal: AbortSignal) => Promise<void>;

export const pause: Pause = async (forMs, signal) => {
  await delay(forMs, undefined, { signal }).catch(() => undefined);
};

export class WatchRetry {
  readonly #backoff = new Backoff(RETRY_MIN_MS, RETRY_MAX_MS, 0);
  readonly #pause: Pause;

  constructor(wanted: Pause = pause) {
    this.#pause = wanted;
  }

  /** @param wasReached the daemon answered the last time: pauses begin with the shortest again */
  wait(wasReached: boolean, signal: AbortSignal): Promise<void> {
    return this.#pause(this.#backoff.next(wasReached ? 0 : -1), signal);
  }
}
