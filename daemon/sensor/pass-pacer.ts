/**
 * When the passes run that the tracker asks for: a refresh at once, a sweep in company. One sweep names the owners of
 * everything that is stuck by then, so those that get stuck within a moment share it. Were each event answered by a sweep at
 * once, it would take the processor from the very change that the event makes, and events would wait behind its records: of
 * 1000 connections that got stuck within 10 s, sweeps wrote 62 MB.
 */
import type { PassKind } from '../core/snapshot.js';

/** Lets the change reach its subscribers first, and the timers that run in one tick of the kernel end up in one sweep. */
const SETTLE_MS = 10;
/** From one of them to the next, at least. */
const GAP_MS = 100;
/** The same in lengths of the last sweep: where it is long, it may not keep a core busy. */
const GAP_SWEEPS = 5;

export class PassPacer {
  readonly #send: (kind: PassKind) => void;
  readonly #nowMs: () => number;
  readonly #sweepMs: () => number;
  #sentMs = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param send asks the sensor for a pass
   * @param nowMs a clock that is never set back
   * @param sweepMs how long the last sweep took
   */
  constructor(send: (kind: PassKind) => void, nowMs: () => number, sweepMs: () => number) {
    this.#send = send;
    this.#nowMs = nowMs;
    this.#sweepMs = sweepMs;
  }

  /** It begins soon, and after this call. */
  request(kind: PassKind): void {
    if (kind !== 'sweep') {
      this.#send(kind);
      return;
    }
    if (this.#timer !== null) {
      return;
    }
    const dueMs = this.#sentMs + Math.max(GAP_MS, GAP_SWEEPS * this.#sweepMs());
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#sentMs = this.#nowMs();
        this.#send('sweep');
      },
      Math.max(SETTLE_MS, dueMs - this.#nowMs()),
    ).unref();
  }
}
