/**
 * The times of a polled socket. sock_diag tells ages and what is left, in whole milliseconds of jiffies, as of the moment in
 * which the kernel wrote the answer; the sensor reads it a little later. So a stamp that is worked out of one look is never
 * early, and of two looks at the same stamp the earlier result is the better one. That also keeps a socket that did not
 * change from looking as if it had.
 */
import { extendJiffies32, msToJiffies, type TickClock } from './jiffies.js';
import type { PolledSocket } from './polled-socket.js';
import type { SocketSnapshot } from './snapshot.js';

/** An answer is read this much later at most, in milliseconds; a stamp that moved by more is another one. */
const READ_LAG_MS = 30;

/** The stamps of a snapshot that are reckoned from ages. */
export type PolledStamps = Pick<SocketSnapshot, 'rcvTstampJiffies32' | 'lrcvtimeJiffies32' | 'lsndtimeJiffies32'>;

/** @returns the jiffy that runs at `monoUs`. */
export function jiffyAt(monoUs: number, ticks: TickClock): number {
  return ticks.jiffies + Math.floor(((monoUs - ticks.edgeUs) * ticks.hz) / 1_000_000);
}

/** @param previous the look before this one, at the same socket. */
export function polledStamps(
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  jiffies: number,
  hz: number,
): PolledStamps {
  const stamp = (ageMs: number, before: number | undefined): number =>
    settled(jiffies - Math.round((ageMs * hz) / 1000), before, jiffies, hz) >>> 0;
  return {
    rcvTstampJiffies32: stamp(polled.lastAckRecvMs, previous?.rcvTstampJiffies32),
    lrcvtimeJiffies32: stamp(polled.lastDataRecvMs, previous?.lrcvtimeJiffies32),
    lsndtimeJiffies32: stamp(polled.lastDataSentMs, previous?.lsndtimeJiffies32),
  };
}

/** @returns low 32 bits of the jiffy in which the timer expires, which `before` is a look at as well; undefined if none is. */
export function polledExpiry(polled: PolledSocket, before: number | undefined, jiffies: number, hz: number): number {
  return settled(jiffies + Math.round((polled.expiresMs * hz) / 1000), before, jiffies, hz) >>> 0;
}

/** Of two looks at one stamp the earlier; a stamp that cannot be the same stands for itself. */
function settled(jiffy: number, before32: number | undefined, jiffies: number, hz: number): number {
  if (before32 === undefined) {
    return jiffy;
  }
  const before = extendJiffies32(before32, jiffies);
  return Math.abs(jiffy - before) <= msToJiffies(READ_LAG_MS, hz) ? Math.min(jiffy, before) : jiffy;
}
