/** Waiting times between attempts: doubling, bounded, and forgotten after a long success. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #forgetAfterMs: number;
  #nextMs: number;

  /**
   * @param minMs first wait; @param maxMs longest wait
   * @param forgetAfterMs after a success that lasted this long, waits begin at `minMs` again
   */
  constructor(minMs: number, maxMs: number, forgetAfterMs: number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#forgetAfterMs = forgetAfterMs;
    this.#nextMs = minMs;
  }

  /**
   * @param successMs how long the last attempt went well, milliseconds
   * @returns how long to wait before the next attempt, milliseconds
   */
  next(successMs: number): number {
    if (successMs >= this.#forgetAfterMs) {
      this.#nextMs = this.#minMs;
    }
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, this.#maxMs);
    return waitMs;
  }
}
