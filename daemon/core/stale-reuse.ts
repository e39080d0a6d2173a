/**
 * A request on a pooled connection that was no more: written after the peer's FIN had come, while it was coming, or long
 * after the peer, or something on the path, had forgotten the connection. Told from the snapshot in which the RST arrives,
 * or in which the application closes on the FIN that came in place of an answer.
 */
import { jiffiesToMs, type TickClock } from './jiffies.js';
import { lastAckUs, pastJiffies32Us, tickUs } from './kernel-time.js';
import type { StaleReuse } from './kinds.js';
import { seqDistance } from './sequence.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';

export interface Reuse {
  readonly how: StaleReuse;
  /** How long nothing had gone either way before the request, microseconds. */
  readonly idleUs: number;
  /** When the request was sent, CLOCK_MONOTONIC microseconds, exact to a jiffy. */
  readonly sentUs: number;
}

/** A RST that answers comes after one round trip; one that comes much later has another reason. */
const ANSWER_MIN_US = 50_000;
const ANSWER_SRTTS = 4;

/**
 * A TLS close_notify, or a QUIT, is sent as the connection is closed, in answer to the FIN, and loses nothing. It is told
 * from a request by its size, and only where it and the close are seen together: on loopback, where the RST for it comes
 * before the close, it looks like any other request.
 */
const GOODBYE_BYTES = 40;

/** Two idle times this near to each other are one limit, seen twice; at least, and as a share. */
const SAME_LIMIT_MIN_US = 500_000;
const SAME_LIMIT_SHARE = 0.1;

/**
 * @param limitUs after how much idle time this peer closes connections; null if that is not known.
 * @param idleMinMs shorter pauses are no idle time.
 * @returns null if the snapshot shows nothing of the kind.
 */
export function staleReuseOf(
  socket: SocketSnapshot,
  limitUs: number | null,
  idleMinMs: number,
  ticks: TickClock,
): Reuse | null {
  const isReset = socket.cause === 'reset_received';
  const isClosedOnFin = socket.cause === 'state' && socket.oldState === TCP_STATE.CLOSE_WAIT;
  const state = isReset ? socket.state : socket.oldState;
  if ((!isReset && !isClosedOnFin) || !HALF_OPEN.has(state)) {
    return null;
  }
  const idleJiffies = (socket.lsndtimeJiffies32 - socket.lrcvtimeJiffies32) | 0;
  const sentUs = pastJiffies32Us(socket.lsndtimeJiffies32, socket, ticks);
  const answerUs = Math.max(ANSWER_MIN_US, ANSWER_SRTTS * socket.srttUs);
  if (idleJiffies <= 0 || jiffiesToMs(idleJiffies, ticks.hz) < idleMinMs || socket.monoUs - sentUs > answerUs) {
    return null;
  }
  const idleUs = idleJiffies * tickUs(ticks);
  const ackUs = lastAckUs(socket, ticks);
  const isAfterFin = ackUs <= sentUs + tickUs(ticks);
  const isClosing = isClosedOnFin || state === TCP_STATE.LAST_ACK;
  if (!isRequest(socket, state, isClosing && isAfterFin ? GOODBYE_BYTES : 0)) {
    return null;
  }
  if (state === TCP_STATE.ESTABLISHED) {
    if (sentUs - ackUs < idleMinMs * 1000) {
      return null; // It sent all the while, and got ACKs: nothing was idle.
    }
    return { how: limitUs !== null && isSameLimit(idleUs, limitUs) ? 'closed_during' : 'forgotten', idleUs, sentUs };
  }
  // The last ACK was that of the FIN: nothing of the peer that came later carried one that was taken.
  if (isClosing && isClosedOnFin === ackUs < sentUs) {
    // Either it wrote into the half-closed connection and closes at once, and the RST is still to come; or that has come,
    // and the request that it answers crossed the FIN: then the close told of it.
    return null;
  }
  return { how: ackUs + tickUs(ticks) < sentUs ? 'closed_before' : 'closed_during', idleUs, sentUs };
}

/** Not closed by us before: what comes then is reset by our own kernel (TCPABORTONDATA). */
const HALF_OPEN: ReadonlySet<number> = new Set([TCP_STATE.ESTABLISHED, TCP_STATE.CLOSE_WAIT, TCP_STATE.LAST_ACK]);

/** Something that a client asked on a connection that had worked, and that is not acknowledged: more than `bytes`. */
function isRequest(socket: SocketSnapshot, state: number, bytes: number): boolean {
  const isUsed = !socket.inbound && socket.bytesReceived > 0 && socket.retransmits === 0;
  const unacked = seqDistance(socket.sndUna, socket.writeSeq) - (state === TCP_STATE.LAST_ACK ? 1 : 0);
  return isUsed && unacked > bytes;
}

/** @returns true if the two may be the same timer of the peer, seen from here. */
export function isSameLimit(aUs: number, bUs: number): boolean {
  return Math.abs(aUs - bUs) <= Math.max(SAME_LIMIT_MIN_US, SAME_LIMIT_SHARE * Math.min(aUs, bUs));
}
