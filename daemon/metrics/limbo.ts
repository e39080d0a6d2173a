/**
 * How long connections have been stuck, all of them together. What is added at a change of a record is all that it costs: to
 * go through 50,000 records at every scrape would keep the daemon from its work in the very moment that it is there for.
 */
import type { StuckKind } from '../core/kinds.js';
import type { StuckRecord } from '../core/record.js';

/** A record that is open. */
interface Counted {
  readonly kind: StuckKind;
  /** From when on it counts for this kind, CLOCK_MONOTONIC microseconds. */
  readonly fromUs: number;
}

interface Sum {
  /** Of records that have ended, or have another kind now. */
  passedUs: number;
  open: number;
  /** Of the open ones, reckoned from the start of this run. */
  fromUs: number;
  /** What was told last: a counter never goes back, though the end of a record may be told after a scrape that counted on. */
  toldUs: number;
}

export class Limbo {
  readonly #startUs: number;
  readonly #records = new Map<string, Counted>();
  readonly #sums = new Map<StuckKind, Sum>();

  /** @param startUs of this run, which has seen nothing of what was before */
  constructor(startUs: number) {
    this.#startUs = startUs;
  }

  /** The record is open, perhaps as another kind than before. */
  follow({ id, kind, sinceUs }: StuckRecord, nowUs: number): void {
    const known = this.#records.get(id);
    if (known?.kind === kind) {
      return;
    }
    if (known !== undefined) {
      this.#pass(known, nowUs);
    }
    const fromUs = known === undefined ? Math.max(sinceUs, this.#startUs) : nowUs;
    this.#records.set(id, { kind, fromUs });
    const sum = this.#sumOf(kind);
    sum.open += 1;
    sum.fromUs += fromUs - this.#startUs;
  }

  /** The record has ended. */
  end({ id }: StuckRecord, endUs: number): void {
    const known = this.#records.get(id);
    if (known !== undefined) {
      this.#records.delete(id);
      this.#pass(known, endUs);
    }
  }

  /** @returns microseconds. */
  totalUs(kind: StuckKind, nowUs: number): number {
    const sum = this.#sumOf(kind);
    sum.toldUs = Math.max(sum.toldUs, sum.passedUs + sum.open * (nowUs - this.#startUs) - sum.fromUs);
    return sum.toldUs;
  }

  #pass({ kind, fromUs }: Counted, untilUs: number): void {
    const sum = this.#sumOf(kind);
    sum.passedUs += Math.max(0, untilUs - fromUs);
    sum.open -= 1;
    sum.fromUs -= fromUs - this.#startUs;
  }

  #sumOf(kind: StuckKind): Sum {
    const sum = this.#sums.get(kind) ?? { passedUs: 0, open: 0, fromUs: 0, toldUs: 0 };
    this.#sums.set(kind, sum);
    return sum;
  }
}
