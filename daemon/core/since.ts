/** Since when a connection is stuck, kind by kind; never the time at which we first looked. */
import { isRefusedLocally } from './conditions.js';
import { windowProbeSentUs } from './give-up-window-probe.js';
import type { TickClock } from './jiffies.js';
import { isKeepaliveTimed, probeSentUs } from './keepalive-probes.js';
import { lastAckUs, retransStampUs, tickUs, timerExpiryUs, windowProbeStartUs } from './kernel-time.js';
import { firstRtoUs } from './rto-ladder.js';
import { PENDING, type SocketSnapshot } from './snapshot.js';

export interface Since {
  /** CLOCK_MONOTONIC, microseconds. */
  readonly timeUs: number;
  /** It is a bound: stuck at least since then. */
  readonly atLeast: boolean;
}

/** The first retransmission that went unanswered. */
export function retransmittingSince(socket: SocketSnapshot, ticks: TickClock): Since {
  if (isRefusedLocally(socket)) {
    return refusedSince(socket, ticks);
  }
  const stampUs = retransStampUs(socket);
  if (stampUs !== null && lastAckUs(socket, ticks) <= stampUs + tickUs(ticks)) {
    return { timeUs: stampUs, atLeast: false };
  }
  // Part of what was retransmitted has been acknowledged since the stamp; the present run of RTOs is younger.
  return { timeUs: firstRtoUs(socket, ticks), atLeast: !socket.hasRtoStamp };
}

/** The first attempt after the segment was refused when it was sent. */
function refusedSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const startUs = windowProbeStartUs(socket, ticks);
  return startUs === null
    ? { timeUs: windowProbeSentUs(socket, 1, ticks) ?? socket.monoUs, atLeast: true }
    : { timeUs: startUs, atLeast: false };
}

/** connect(): in SYN_SENT that is what `retrans_stamp` holds. */
export function connectingSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const stampUs = retransStampUs(socket);
  return stampUs === null ? { timeUs: firstRtoUs(socket, ticks), atLeast: true } : { timeUs: stampUs, atLeast: false };
}

/** The first probe that went unanswered. */
export function keepaliveSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const firstUs = probeSentUs(socket, 1, ticks) ?? socket.monoUs;
  return { timeUs: firstUs, atLeast: !isKeepaliveTimed(socket) };
}

/** The FIN was sent before we came: the latest instant from which on it has certainly been unacknowledged. */
export function finUnackedAtLeastSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const stampUs = retransStampUs(socket);
  const ackUs = lastAckUs(socket, ticks);
  if (stampUs !== null) {
    return { timeUs: Math.min(socket.monoUs, Math.max(stampUs, ackUs)), atLeast: true };
  }
  if (socket.pending === PENDING.RETRANS && socket.writeTimer.pending) {
    // Not retransmitted yet: the timer was armed as the FIN left, or by the last ACK.
    const armedUs = timerExpiryUs(socket.writeTimer, socket, ticks) - socket.rtoJiffies * tickUs(ticks);
    return { timeUs: Math.min(socket.monoUs, armedUs), atLeast: true };
  }
  return { timeUs: socket.monoUs, atLeast: true };
}
