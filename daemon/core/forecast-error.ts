/** How far the forecast that was made at detection was off, measured when the kernel has given up. */
import type { Outcome } from './kinds.js';
import type { GiveUp } from './record.js';
import type { SocketSnapshot } from './snapshot.js';

/**
 * @param last the snapshot that shows the end; null if none does.
 * @returns microseconds from the nearer bound of the forecast to the end, negative if it came before; 0 inside a window.
 * Null where there is nothing to measure: something else than the kernel ended it, the end was found later by a visit, or
 * there was no forecast of a time.
 */
export function forecastErrorOf(
  detected: GiveUp | null,
  outcome: Outcome,
  endUs: number,
  last: SocketSnapshot | null,
): number | null {
  const gaveUp = outcome === 'timed_out' || outcome === 'unreachable';
  if (!gaveUp || detected === null || detected.never || last === null || !isEvent(last)) {
    return null;
  }
  const earlyUs = Math.min(0, endUs - detected.timeUs);
  const lateUs = Math.max(0, endUs - (detected.latestTimeUs ?? detected.timeUs));
  return earlyUs + lateUs;
}

/** Only the change of state itself has the time of the end; all else comes after it, some of it long after. */
function isEvent(last: SocketSnapshot): boolean {
  return last.cause === 'state';
}
