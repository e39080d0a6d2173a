/** Lets a few through at a time; the others wait, first come, first served. */
export class Turnstile {
  readonly #max: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Does the work as soon as there is room. @returns its result */
  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inside < this.#max) {
      this.#inside += 1;
    } else {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#inside -= 1;
      } else {
        next(); // it takes this place over
      }
    }
  }
}
