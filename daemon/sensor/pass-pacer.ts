/**
 * When the passes run that the tracker asks for: a refresh at once, a sweep in company. One sweep names the owners of
 * everything that is stuck by then, so those that get stuck within a moment share it. Were each event answered by a sweep at
 * once, it would take the processor from the very change that the event makes, and events would wait behind its records: of
 * 1000 connections that got stuck within 10 s, sweeps wrote 62 MB.
 */
import type { PassKind, PassReport } from '../core/snapshot.js';
import { monotonicUs } from '../lib/system-clock.js';
import { encodePass } from '../wire/command-encoder.js';

/** Lets the change reach its subscribers first, and the timers that run in one tick of the kernel end up in one sweep. */
const SETTLE_US = 10_000;
/** From one of them to the next, at least. */
const GAP_US = 100_000;
/** The same in multiples of the CPU time that the last sweep took: where sweeps are dear, they may not keep a core busy. */
const GAP_SWEEPS = 5;
/** However dear it is, an owner is waited for. */
const GAP_MAX_US = 1_000_000;

export class PassPacer {
  readonly #sensor: { send(command: Uint8Array): void };
  readonly #lastSweep: () => PassReport | null;
  readonly #nowUs: () => number;
  #sentUs = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param lastSweep the last complete one
   * @param nowUs a clock that is never set back, microseconds
   */
  constructor(
    sensor: { send(command: Uint8Array): void },
    lastSweep: () => PassReport | null,
    nowUs: () => number = monotonicUs,
  ) {
    this.#sensor = sensor;
    this.#lastSweep = lastSweep;
    this.#nowUs = nowUs;
  }

  /** It begins soon, and after this call. */
  request(kind: PassKind): void {
    if (kind !== 'sweep') {
      this.#sensor.send(encodePass(kind));
      return;
    }
    if (this.#timer !== null) {
      return;
    }
    const waitUs = Math.max(SETTLE_US, this.#sentUs + this.#gapUs() - this.#nowUs());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#sentUs = this.#nowUs();
      this.#sensor.send(encodePass('sweep'));
    }, waitUs / 1000).unref();
  }

  /** What was asked of a sensor that is gone is no command for the next one, which sweeps when it begins. */
  sensorDown(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#sentUs = -Infinity;
  }

  /** By CPU time: how long a sweep lasts says more of how busy the daemon is, which reads what it writes. */
  #gapUs(): number {
    const ownUs = GAP_SWEEPS * (this.#lastSweep()?.cpuUs ?? 0);
    return Math.min(Math.max(GAP_US, ownUs), GAP_MAX_US);
  }
}
