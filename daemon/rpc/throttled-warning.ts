/** A warning about something that others can cause as often as they like: told at once, then counted and told at intervals. */

/** One line in this time. */
const INTERVAL_MS = 60_000;

/**
 * @param warn takes a line.
 * @returns a function that takes what happened; it sets no timer, so what was not told waits for the next time.
 */
export function throttledWarning(warn: (message: string) => void, nowMs = Date.now): (message: string) => void {
  let nextMs = -Infinity;
  let untold = 0;
  return (message) => {
    if (nowMs() < nextMs) {
      untold += 1;
      return;
    }
    warn(untold === 0 ? message : `${message} (and ${untold} more of this sort since the last such line)`);
    untold = 0;
    nextMs = nowMs() + INTERVAL_MS;
  };
}
