/** What was acquired is released in reverse order, each step by name and in bounded time. */
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

async function withTimeout(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not done after ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
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
        await withTimeout(Promise.resolve(step.release()), this.#stepTimeoutMs);
      } catch (error) {
        failures.push({ name: step.name, message: errorText(error) });
      }
    }
    return failures;
  }
}
