/** What comes from another process, in order, for one reader that waits for it. */

interface Waiter<T> {
  readonly resolve: (item: T) => void;
  readonly reject: (error: Error) => void;
}

export class Mailbox<T> {
  readonly #what: string;
  readonly #items: T[] = [];
  #waiter: Waiter<T> | null = null;
  #closedBecause: Error | null = null;

  /** @param what is waited for, for error messages */
  constructor(what: string) {
    this.#what = what;
  }

  put(item: T): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter === null) {
      this.#items.push(item);
    } else {
      waiter.resolve(item);
    }
  }

  /** Nothing more will come: whoever waits, now or later, gets the error once all items are taken. */
  close(reason: string): void {
    this.#closedBecause ??= new Error(`${this.#what}: ${reason}`);
    this.#waiter?.reject(this.#closedBecause);
    this.#waiter = null;
  }

  /**
   * Takes the oldest item. Only one call may wait at a time.
   * @throws Error if nothing comes in time, or nothing will come.
   */
  async take(timeoutMs: number): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) {
      return item;
    }
    if (this.#closedBecause !== null) {
      throw this.#closedBecause;
    }
    if (this.#waiter !== null) {
      throw new Error(`${this.#what}: two readers`);
    }
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#waiter = { resolve, reject };
        timer = setTimeout(() => {
          this.#waiter = null;
          reject(new Error(`${this.#what}: nothing came within ${timeoutMs} ms`));
        }, timeoutMs);
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
