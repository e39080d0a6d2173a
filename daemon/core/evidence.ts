/**
 * The evidence rule: when repeated RTOs are a black hole, and not bad luck on a lossy path.
 *
 * A record of kind `retransmitting` opens after n consecutive RTOs if nothing at all was acknowledged since the first of
 * them, and a healthy connection with this socket's own loss rate would look like this less than once in ten thousand
 * times: three RTOs on a clean path, about eight on one that loses 30 %.
 */
import { isRefusedLocally, mayLackBackoff } from './conditions.js';
import type { TickClock } from './jiffies.js';
import { isInsideRtoTimer } from './kernel-limits.js';
import { lastAckUs, tickUs } from './kernel-time.js';
import { firstRtoUs } from './rto-ladder.js';
import type { SocketSnapshot } from './snapshot.js';

/** What must be shown before a record opens. */
export interface EvidenceRule {
  /** Consecutive RTOs, 1-255. */
  readonly retransmits: number;
  /** Upper bound for the probability that a healthy connection looks like this; above 0, below 1. */
  readonly chance: number;
}

/** A socket that has sent little is judged as if it had lost 1 of 50 segments before. */
const PRIOR_LOST = 1;
const PRIOR_SENT = 50;

/** @returns true if the snapshot shows a black hole. */
export function fulfilsEvidenceRule(socket: SocketSnapshot, rule: EvidenceRule, ticks: TickClock): boolean {
  const rtos = isRefusedLocally(socket) ? refusedAttempts(socket) : countedRtos(socket);
  return (
    rtos >= rule.retransmits && chanceIfHealthy(lossBefore(socket), rtos) < rule.chance && !wasHeard(socket, ticks)
  );
}

/**
 * Consecutive RTOs that left this host. `icsk_retransmits` also counts those that the local queue dropped; these do not
 * back off, so `icsk_backoff` leaves them out. Where it lacks others too, the plain count is all there is.
 */
export function countedRtos(socket: SocketSnapshot): number {
  if (mayLackBackoff(socket)) {
    return socket.retransmits;
  }
  // Inside the timer this RTO has been counted, but not backed off yet.
  const backoff = socket.backoff + (isInsideRtoTimer(socket) ? 1 : 0);
  return Math.min(socket.retransmits, backoff);
}

/**
 * Attempts in a row that this host refused. What the local queue drops does not back off. Of probes that the keepalive
 * timer sent, `icsk_backoff` knows nothing either.
 */
function refusedAttempts(socket: SocketSnapshot): number {
  return Math.min(socket.probesOut, socket.backoff);
}

/** The share of segments that this socket lost before the episode began, estimated; above 0, at most 1. */
export function lossBefore(socket: SocketSnapshot): number {
  const inEpisode = socket.retransmits + (socket.tlpRetrans ? 1 : 0);
  const lost = Math.max(0, socket.totalRetrans - inEpisode);
  const sent = Math.max(0, socket.dataSegsOut - inEpisode);
  return Math.min(1, (lost + PRIOR_LOST) / (sent + PRIOR_SENT));
}

/** The probability that a healthy connection with this loss rate loses `rtos` transmissions in a row. */
export function chanceIfHealthy(loss: number, rtos: number): number {
  return loss ** rtos;
}

/** @returns true if any ACK arrived since the first RTO. Stamps of jiffies are exact to one, which is tolerated. */
export function wasHeard(socket: SocketSnapshot, ticks: TickClock): boolean {
  if (isRefusedLocally(socket)) {
    return false; // an ACK would have zeroed the count of attempts
  }
  return lastAckUs(socket, ticks) > firstRtoUs(socket, ticks) + tickUs(ticks);
}
