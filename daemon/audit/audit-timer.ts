/** Audits that nobody has asked for: soon after the first complete picture, and then at intervals. */

/** By then the listeners are known, and what a start of the whole node brings with it is over. */
const FIRST_DELAY_MS = 5000;

export interface AuditTimerOptions {
  /** Null: never. */
  readonly intervalMs: number | null;
  readonly audit: () => Promise<unknown>;
  readonly firstDelayMs?: number;
}

export class AuditTimer {
  readonly #audit: () => Promise<unknown>;
  readonly #firstDelayMs: number;
  #intervalMs: number | null;
  #isStarted = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ intervalMs, audit, firstDelayMs = FIRST_DELAY_MS }: AuditTimerOptions) {
    this.#intervalMs = intervalMs;
    this.#audit = audit;
    this.#firstDelayMs = firstDelayMs;
  }

  /** The first picture is complete. */
  start(): void {
    this.#isStarted = true;
    this.#arm(this.#firstDelayMs);
  }

  /** Another interval counts from now; the same one goes on, or those who reload often would never see an audit. */
  reconfigure(intervalMs: number | null): void {
    if (intervalMs !== this.#intervalMs) {
      this.#intervalMs = intervalMs;
      this.#arm(intervalMs ?? 0);
    }
  }

  stop(): void {
    this.#isStarted = false;
    clearTimeout(this.#timer);
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    const intervalMs = this.#intervalMs;
    if (!this.#isStarted || intervalMs === null) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.#arm(intervalMs);
      this.#audit().catch(() => undefined); // the engine counts failures
    }, delayMs);
  }
}
