/**
 * Conditions that no counter times: since when they last. A snapshot gives a bound at best; what was seen before makes it
 * better, and any progress begins it anew.
 */
import {
  hasShrunkWindow,
  hasUnreadData,
  isAcceptQueueFull,
  isClosing,
  isWindowClosed,
  isZombie,
  unansweredHandshakes,
} from './conditions.js';
import type { TickClock } from './jiffies.js';
import { lastAckUs, pastJiffies32Us, retransStampUs, timerExpiryUs, windowProbeStartUs } from './kernel-time.js';
import type { StuckKind } from './kinds.js';
import { seqAfter } from './sequence.js';
import { finUnackedAtLeastSince, type Since } from './since.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import type { KindRules } from './tracker-config.js';

/** The kinds that are defined by a condition and a time. */
const STANDING_KINDS = [
  'zero_window',
  'accepting',
  'accept_queue_full',
  'closing',
  'fin_wait',
  'close_wait',
  'unread',
  'zombie',
] as const satisfies readonly StuckKind[];

export type StandingKind = (typeof STANDING_KINDS)[number];

export function isStandingKind(kind: StuckKind): kind is StandingKind {
  return (STANDING_KINDS as readonly StuckKind[]).includes(kind);
}

export interface Standing {
  readonly kind: StandingKind;
  /** Since when it lasts without any progress. */
  readonly since: Since;
}

/** Longer after the last send than an ACK takes: what came then was no answer to it. */
const ANSWER_MAX_US = 1_000_000;

/**
 * @param before what stood when `previous` was taken; null if nothing did.
 * @returns what stands now.
 */
export function nextStanding(
  before: Standing | null,
  previous: SocketSnapshot,
  socket: SocketSnapshot,
  rules: KindRules,
  ticks: TickClock,
): Standing | null {
  const kind = standingKind(socket, rules);
  if (kind === null) {
    return null;
  }
  if (before?.kind !== kind || sendsFin(socket)) {
    return { kind, since: sinceOf(kind, socket, ticks) };
  }
  return hasProgressed(kind, previous, socket) ? { kind, since: { timeUs: socket.monoUs, atLeast: true } } : before;
}

function standingKind(socket: SocketSnapshot, rules: KindRules): StandingKind | null {
  // A kind that is switched off must not hide another one.
  if (rules.zero_window.enabled && isWindowClosed(socket)) {
    return 'zero_window';
  }
  switch (socket.state) {
    case TCP_STATE.FIN_WAIT1:
    case TCP_STATE.CLOSING:
    case TCP_STATE.LAST_ACK:
      return 'closing';
    case TCP_STATE.CLOSE_WAIT:
      return 'close_wait';
    case TCP_STATE.FIN_WAIT2:
      return socket.dead ? null : 'fin_wait';
    case TCP_STATE.ESTABLISHED:
      return hasUnreadData(socket) ? 'unread' : null;
    case TCP_STATE.CLOSE:
      return isZombie(socket) ? 'zombie' : null;
    case TCP_STATE.LISTEN:
      return listenerKind(socket, rules);
    default:
      return null;
  }
}

function listenerKind(socket: SocketSnapshot, rules: KindRules): StandingKind | null {
  if (rules.accept_queue_full.enabled && isAcceptQueueFull(socket)) {
    return 'accept_queue_full';
  }
  return hasManyHandshakes(socket, rules) ? 'accepting' : null;
}

function hasManyHandshakes(socket: SocketSnapshot, { accepting: { open } }: KindRules): boolean {
  return unansweredHandshakes(socket) >= Math.max(open.handshakes, open.share * socket.maxAckBacklog);
}

/** The event in which our FIN is queued. */
export function sendsFin(socket: SocketSnapshot): boolean {
  return socket.cause === 'state' && isClosing(socket.state) && !isClosing(socket.oldState);
}

function sinceOf(kind: StandingKind, socket: SocketSnapshot, ticks: TickClock): Since {
  switch (kind) {
    case 'closing':
      return sendsFin(socket) ? seenNow(socket) : finUnackedAtLeastSince(socket, ticks);
    case 'close_wait':
      return socket.cause === 'state' ? seenNow(socket) : finReceivedSince(socket, ticks);
    case 'fin_wait':
      return socket.cause === 'state' ? seenNow(socket) : finAckedSince(socket, ticks);
    case 'unread':
      // What arrived last is unread, so all of it has been at least since then.
      return { timeUs: pastJiffies32Us(socket.lrcvtimeJiffies32, socket, ticks), atLeast: true };
    case 'zero_window':
      return windowClosedSince(socket, ticks);
    case 'zombie':
      return socket.cause === 'state' ? seenNow(socket) : endedSince(socket, ticks);
    case 'accept_queue_full':
    case 'accepting':
      return { timeUs: socket.monoUs, atLeast: true };
  }
}

function seenNow(socket: SocketSnapshot): Since {
  return { timeUs: socket.monoUs, atLeast: false };
}

/**
 * The FIN carried an ACK. Later ACKs answer what was sent, or keepalive probes: an ACK that is neither was the FIN itself.
 */
function finReceivedSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const ackUs = lastAckUs(socket, ticks);
  const sentUs = pastJiffies32Us(socket.lsndtimeJiffies32, socket, ticks);
  const isAnswer = socket.bytesSent > 0 && ackUs < sentUs + ANSWER_MAX_US;
  return { timeUs: ackUs, atLeast: isAnswer || socket.keepalive };
}

/** The ACK of our FIN, unless the peer has sent data since. */
function finAckedSince(socket: SocketSnapshot, ticks: TickClock): Since {
  return { timeUs: lastAckUs(socket, ticks), atLeast: true };
}

/** The first window probe, or the first retransmission into the closed window. */
function windowClosedSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const stampUs = hasShrunkWindow(socket) ? retransStampUs(socket) : null;
  const startUs = stampUs ?? windowProbeStartUs(socket, ticks);
  return startUs === null ? { timeUs: lastAckUs(socket, ticks), atLeast: true } : { timeUs: startUs, atLeast: false };
}

/** A timer that ended it still says when it ran; of a RST no trace is left. */
function endedSince(socket: SocketSnapshot, ticks: TickClock): Since {
  const expiries = [socket.writeTimer, socket.keepaliveTimer]
    .map((timer) => timerExpiryUs(timer, socket, ticks))
    .filter((expiryUs) => expiryUs > lastAckUs(socket, ticks) && expiryUs <= socket.monoUs);
  return expiries.length > 0 && !socket.resetReceived
    ? { timeUs: Math.max(...expiries), atLeast: true }
    : { timeUs: socket.monoUs, atLeast: true };
}

function hasProgressed(kind: StandingKind, before: SocketSnapshot, socket: SocketSnapshot): boolean {
  switch (kind) {
    case 'closing':
    case 'zero_window':
      // What is queued before the FIN, or behind the window, still gets through: slow is not stuck.
      return seqAfter(socket.sndUna, before.sndUna);
    case 'close_wait':
      return seqAfter(socket.sndUna, before.sndUna) || seqAfter(socket.writeSeq, before.writeSeq);
    case 'fin_wait':
      return socket.bytesReceived > before.bytesReceived;
    case 'unread':
      return socket.copiedSeq !== before.copiedSeq;
    case 'zombie':
    case 'accept_queue_full':
    case 'accepting':
      return false;
  }
}
