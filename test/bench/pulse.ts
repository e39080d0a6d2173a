/** Asks something again and again in the background, and notes how long each answer took. */
import { setTimeout as delay } from 'node:timers/promises';

export class Pulse {
  /** Milliseconds, of each answer so far. */
  readonly answersMs: number[] = [];
  failures = 0;
  #isRunning = true;
  readonly #done: Promise<void>;

  /** @param intervalMs from an answer to the next question */
  constructor(ask: () => Promise<unknown>, intervalMs: number) {
    this.#done = this.#run(ask, intervalMs);
  }

  /** @returns the times of all answers, once the last one is there. */
  async stop(): Promise<readonly number[]> {
    this.#isRunning = false;
    await this.#done;
    return this.answersMs;
  }

  async #run(ask: () => Promise<unknown>, intervalMs: number): Promise<void> {
    while (this.#isRunning) {
      const startMs = performance.now();
      try {
        await ask();
        this.answersMs.push(performance.now() - startMs);
      } catch {
        this.failures += 1;
      }
      await delay(intervalMs);
    }
  }
}
