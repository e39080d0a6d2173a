/** When the unanswered keepalive probes of a socket were sent, read from its timer. */
import { extendJiffies32, jiffyStartUs, type TickClock } from './jiffies.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { armedJiffy } from './timer-wheel.js';

/** @returns TCP_KEEPIDLE, or the sysctl of the socket's namespace. */
export function keepaliveIdleJiffies(socket: SocketSnapshot): number {
  return socket.keepaliveTimeJiffies || socket.sysctls.keepaliveTimeJiffies;
}

/** @returns TCP_KEEPINTVL, or the sysctl of the socket's namespace. */
export function keepaliveIntervalJiffies(socket: SocketSnapshot): number {
  return socket.keepaliveIntvlJiffies || socket.sysctls.keepaliveIntvlJiffies;
}

/** @returns true if nothing is in flight or queued: only then the keepalive timer probes (`tcp_keepalive_timer()`). */
export function hasNothingToSend(socket: SocketSnapshot): boolean {
  return socket.packetsOut === 0 && socket.writeSeq === socket.sndNxt;
}

/** @returns true if the socket is idle, probes its peer, and the last probe is not answered. */
export function isProbingPeer(socket: SocketSnapshot): boolean {
  const connected =
    socket.state === TCP_STATE.ESTABLISHED ||
    socket.state === TCP_STATE.CLOSE_WAIT ||
    // In FIN_WAIT2 an orphan uses the keepalive timer for tcp_fin_timeout.
    (socket.state === TCP_STATE.FIN_WAIT2 && !socket.dead);
  // Window probes share the counter; they exist only while data is queued.
  return connected && hasNothingToSend(socket) && socket.keepalive && socket.probesOut > 0;
}

/**
 * @param ordinal 1 is the first unanswered probe.
 * @returns when that probe was sent, CLOCK_MONOTONIC microseconds; null if it has not been sent yet.
 */
export function probeSentUs(socket: SocketSnapshot, ordinal: number, ticks: TickClock): number | null {
  if (ordinal > socket.probesOut) {
    // The timer of a `keepalive` report is about to send one more.
    return socket.cause === 'keepalive' && ordinal === socket.probesOut + 1 ? socket.monoUs : null;
  }
  let jiffy = lastProbeJiffy(socket);
  for (let later = socket.probesOut; later > ordinal; later--) {
    jiffy = armedJiffy(jiffy, keepaliveIntervalJiffies(socket));
  }
  return Math.min(socket.monoUs, jiffyStartUs(jiffy, ticks));
}

/** Each probe arms the timer for one interval, so that its expiry tells when that was. */
function lastProbeJiffy(socket: SocketSnapshot): number {
  return isKeepaliveTimed(socket)
    ? Math.min(socket.jiffies, expiryJiffy(socket) - keepaliveIntervalJiffies(socket))
    : socket.jiffies;
}

/** @returns true if the timer tells when the next probe is due. While its handler runs it is queued no more, but says so still. */
export function isKeepaliveTimed(socket: SocketSnapshot): boolean {
  const overdue = socket.jiffies - expiryJiffy(socket);
  return socket.keepaliveTimer.pending || (overdue >= 0 && overdue < keepaliveIntervalJiffies(socket));
}

function expiryJiffy(socket: SocketSnapshot): number {
  return extendJiffies32(socket.keepaliveTimer.expiresJiffies32, socket.jiffies);
}
