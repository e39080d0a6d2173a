/** Wakes those who wait for something that comes as an event, so that they need not ask for it again and again. */
export class Notice {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  /** How often it was given. */
  get count(): number {
    return this.#count;
  }

  /** To be called whenever what others wait for may have come true. */
  give(): void {
    this.#count += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) {
      wake();
    }
  }

  /**
   * Resolves when it was given more often than `count` times, at the latest after `timeoutMs`. One that is given between
   * a look at the world and this call is not missed.
   */
  async after(count: number, timeoutMs: number): Promise<void> {
    if (this.#count > count) {
      return;
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(limit);
        this.#waiting.delete(wake);
        resolve();
      };
      const limit = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
    });
  }
}
