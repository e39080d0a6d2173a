/** What the facts of a stuck socket say beyond its kind: how grave it is, why nothing gets through, what came before. */
import {
  hasUnreadData,
  isRefusedLocally,
  isSilentBehindWindow,
  isUnreadHarmless,
  mayLackBackoff,
} from './conditions.js';
import { EHOSTUNREACH } from './errno-name.js';
import type { TickClock } from './jiffies.js';
import { lastHeardUs, tickUs } from './kernel-time.js';
import { IS_UNANSWERED, type StuckCause, type StuckKind } from './kinds.js';
import { initialRtoJiffies } from './rto-ladder.js';
import { seqDistance } from './sequence.js';
import type { Since } from './since.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';

/** A shorter pause is no idle time. */
const IDLE_MIN_US = 1_000_000;

/** @returns true if it may well be meant: half-close, a peer that is busy, data that nobody is interested in. */
export function isInformational(kind: StuckKind, socket: SocketSnapshot, ticks: TickClock): boolean {
  switch (kind) {
    case 'fin_wait':
    case 'accepting':
      return true;
    case 'zero_window':
      return !isSilentBehindWindow(socket, ticks);
    case 'unread':
      return hasUnreadData(socket) && isUnreadHarmless(socket);
    case 'retransmitting':
    case 'keepalive_unanswered':
    case 'connecting':
    case 'accept_queue_full':
    case 'closing':
    case 'close_wait':
    case 'zombie':
    case 'stale_reuse':
      return false;
  }
}

/** @returns why nothing gets through, if it is more than silence. */
export function causeOf(kind: StuckKind, socket: SocketSnapshot): StuckCause | null {
  if (!IS_UNANSWERED[kind]) {
    return null;
  }
  if (socket.skErrSoft === EHOSTUNREACH || socket.retransmitError === -EHOSTUNREACH) {
    return 'neighbour_unreachable';
  }
  if (kind === 'keepalive_unanswered' || kind === 'zero_window') {
    return null;
  }
  if (socket.retransmitError !== 0 || isHeldBack(socket) || isRefusedLocally(socket)) {
    return 'not_sent';
  }
  return losesFullSegmentsOnly(socket) ? 'path_mtu' : null;
}

/** The local queue drops what is sent: the kernel then tries again every half second, and does not back off. */
function isHeldBack(socket: SocketSnapshot): boolean {
  // Of errors from the network, which make it retransmit as often, polling does not tell.
  return (
    !socket.polled &&
    !mayLackBackoff(socket) &&
    socket.state !== TCP_STATE.SYN_SENT &&
    socket.retransmits > socket.backoff + 1
  );
}

/** More than a segment is in flight, the peer has (SACK) what came after the first of them, and still misses that one. */
function losesFullSegmentsOnly(socket: SocketSnapshot): boolean {
  const inFlight = seqDistance(socket.sndUna, socket.sndNxt);
  return socket.retransmits > 0 && socket.sackedOut > 0 && socket.mss > 0 && inFlight > socket.mss;
}

/**
 * @returns how long nothing had gone either way before the data that hangs was sent, microseconds; null if that is
 * nothing to speak of, or not known.
 */
export function idleBeforeUs(kind: StuckKind, since: Since, socket: SocketSnapshot, ticks: TickClock): number | null {
  if (kind !== 'retransmitting' || since.atLeast || socket.bytesReceived === 0) {
    return null;
  }
  const sentUs = since.timeUs - initialRtoJiffies(socket, ticks) * tickUs(ticks);
  const idleUs = sentUs - lastHeardUs(socket, ticks);
  return idleUs >= IDLE_MIN_US ? idleUs : null;
}
