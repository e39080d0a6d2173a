/** For how long the event loop was kept from turning. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * How often it is looked at. Node.js notes the whole time between two looks, so this is taken off; a look more often than
 * this would cost an idle daemon more wake-ups than all its other work.
 */
const RESOLUTION_MS = 500;

const NS_PER_MS = 1_000_000;

export class EventLoopLag {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#delay.enable();
  }

  /** @returns the longest lag since the last call, milliseconds; of a shorter one than half a second a part may be missed. */
  takeMs(): number {
    const longestMs = this.#delay.max / NS_PER_MS - RESOLUTION_MS;
    const hasLooked = this.#delay.count > 0;
    this.#delay.reset();
    return hasLooked ? Math.max(0, longestMs) : 0;
  }

  stop(): void {
    this.#delay.disable();
  }
}
