/** What was acquired is released in reverse order, each step by name and in bounded time. */
import { settled } from './settled.js';

export interface CleanupFailure {
  readonly name: string;
  readonly message: string;
}

interface Step {
  readonly name: string;
  readonly release: () => void | Promise<void>;
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class CleanupStack {
  readonly #steps: Step[] = [];
  readonly #stepTimeoutMs: number;

  constructor(stepTimeoutMs: number) {
    this.#stepTimeoutMs = stepTimeoutMs;
  }

  push(name: string, release: () => void | Promise<void>): void {
    this.#steps.push({ name, release });
  }

  /** Releases everything; a step that fails does not keep the others from running. Idempotent. */
  async releaseAll(): Promise<readonly CleanupFailure[]> {
    const failures: CleanupFailure[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await settled(Promise.resolve(step.release()), this.#stepTimeoutMs, `not done after ${this.#stepTimeoutMs} ms`);
      } catch (error) {
        failures.push({ name: step.name, message: errorText(error) });
      }
    }
    return failures;
  }
}
