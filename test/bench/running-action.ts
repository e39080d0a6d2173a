/** An action that runs while somebody looks on. */
export class RunningAction {
  readonly #ended: Promise<void>;
  #isOver = false;

  constructor(action: Promise<void>) {
    this.#ended = action.finally(() => {
      this.#isOver = true;
    });
    // Whoever looks on asks for its result in the end; until then a failure must not end this process.
    this.#ended.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @throws what the action throws */
  async result(): Promise<void> {
    await this.#ended;
  }
}
