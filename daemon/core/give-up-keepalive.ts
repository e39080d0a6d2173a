/** Forecast for an idle socket with SO_KEEPALIVE: `tcp_keepalive_timer()` played forward with a silent peer. */
import { timeoutErrorName } from './errno-name.js';
import { jiffyStartUs, msToJiffies, type TickClock } from './jiffies.js';
import { isKeepaliveTimed, keepaliveIdleJiffies, keepaliveIntervalJiffies } from './keepalive-probes.js';
import { BISTABLE_MS, TICKS_MAX } from './kernel-limits.js';
import { factsAt, type Play } from './play-forward.js';
import type { GiveUp } from './record.js';
import type { SocketSnapshot } from './snapshot.js';
import { armJiffy, fireJiffy } from './timer-wheel.js';

/**
 * @returns the end of an idle socket if nothing arrives any more; null if its keepalive timer is not to be seen, or the
 * end is too many probes away.
 */
export function forecastKeepalive(socket: SocketSnapshot, ticks: TickClock, play: Play): GiveUp | null {
  if (!isKeepaliveTimed(socket) && socket.cause !== 'keepalive') {
    return null;
  }
  const idleJiffies = keepaliveIdleJiffies(socket);
  const intervalJiffies = keepaliveIntervalJiffies(socket);
  // While its handler runs, and at the event `keepalive`, which comes before, the timer is off the wheel already.
  let jiffy = socket.keepaliveTimer.pending ? fireJiffy(socket.keepaliveTimer, socket.jiffies) : socket.jiffies;
  let probesOut = socket.probesOut;
  let earlyJiffy: number | null = null;
  for (let tick = 0; tick < TICKS_MAX; tick++) {
    const facts = factsAt(socket, play, jiffyStartUs(jiffy, ticks));
    const elapsed = keepaliveTimeElapsed(socket, jiffy);
    if (elapsed < idleJiffies) {
      jiffy = armJiffy(jiffy, idleJiffies - elapsed);
      continue;
    }
    const overdue = overdueJiffies(facts, elapsed, probesOut, ticks.hz);
    if (overdue >= 0) {
      return {
        never: false,
        timeUs: jiffyStartUs(earlyJiffy ?? jiffy, ticks),
        latestTimeUs: earlyJiffy === null ? null : jiffyStartUs(jiffy, ticks),
        reason: facts.userTimeoutMs > 0 ? 'user_timeout' : 'keepalive',
        retransmitsLeft: probesOut - socket.probesOut,
        expectedError: timeoutErrorName(socket.skErrSoft),
      };
    }
    if (overdue > -msToJiffies(BISTABLE_MS, ticks.hz)) {
      earlyJiffy ??= jiffy;
    }
    play.onTransmission?.(jiffy);
    probesOut++;
    jiffy = armJiffy(jiffy, intervalJiffies);
  }
  return null;
}

/** `keepalive_time_elapsed()`: since the last data or the last acknowledgment, whichever is younger; u32 as there. */
export function keepaliveTimeElapsed(socket: SocketSnapshot, jiffy: number): number {
  return Math.min((jiffy - socket.lrcvtimeJiffies32) >>> 0, (jiffy - socket.rcvTstampJiffies32) >>> 0);
}

/** With a user timeout time alone decides, from the first probe on; without it the count alone. 0 or more ends it. */
function overdueJiffies(socket: SocketSnapshot, elapsed: number, probesOut: number, hz: number): number {
  if (socket.userTimeoutMs === 0) {
    return probesOut >= (socket.keepaliveProbes || socket.sysctls.keepaliveProbes) ? 0 : -Infinity;
  }
  return probesOut > 0 ? elapsed - msToJiffies(socket.userTimeoutMs, hz) : -Infinity;
}
