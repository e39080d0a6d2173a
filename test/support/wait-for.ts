import { setTimeout as delay } from 'node:timers/promises';
import type { Notice } from './notice.js';

/**
 * The longest RTO of the kernel (TCP_RTO_MAX), for which a test may have to wait on an emulated machine where everything
 * but timers is twenty times slower. It only bounds how long a failing test takes.
 */
const DEFAULT_TIMEOUT_MS = 120_000;

/** What comes at once is seen at once; what takes long is not asked for so often that nothing else gets a turn. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;
const PAUSE_GROWTH = 1.5;

export interface WaitOptions {
  /** What is waited for, for the error message. */
  readonly what: string;
  /** Default 120 s. */
  readonly timeoutMs?: number;
  /** The longest pause between two questions; pauses begin short and grow. Default 250 ms. */
  readonly intervalMs?: number;
  /** Says when the answer may have changed; with it nothing is asked in between. */
  readonly notice?: Notice;
}

/**
 * Asks again and again until the answer is neither undefined, null nor false.
 * @returns that answer.
 * @throws Error that names `what`, with the last error of `condition` as its cause.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const { what, timeoutMs = DEFAULT_TIMEOUT_MS, intervalMs = LONGEST_PAUSE_MS, notice } = options;
  const deadlineMs = performance.now() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  let lastError: unknown;
  for (;;) {
    const noticed = notice?.count;
    try {
      const answer = await condition();
      if (answer !== undefined && answer !== null && answer !== false) {
        return answer as Exclude<T, undefined | null | false>;
      }
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) {
      throw new Error(`waited ${String(timeoutMs)} ms in vain for ${what}`, { cause: lastError });
    }
    if (notice !== undefined && noticed !== undefined) {
      await notice.after(noticed, leftMs);
    } else {
      await delay(Math.min(pauseMs, intervalMs, leftMs));
      pauseMs *= PAUSE_GROWTH;
    }
  }
}
