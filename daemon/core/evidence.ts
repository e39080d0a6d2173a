/**
 * The evidence rule: when repeated RTOs are a black hole, and not bad luck on a lossy path.
 *
 * A record of kind `retransmitting` opens after n consecutive RTOs if nothing at all was acknowledged since the first of
 * them, and a healthy connection that loses segments as this socket did before would look like this less than once in
 * ten thousand times: three RTOs on a clean path, eight on one that loses 30 %.
 *
 * The loss rate is not known, it is learnt: from few segments badly, from many well. So the chance is not the power of an
 * estimate but the predictive probability of the beta-binomial model, which counts that doubt in: each further loss in a
 * row makes the next one likelier.
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

/**
 * What is believed of a path before anything was sent on it: as if it had lost 2 % of 30 segments. With less belief, one
 * short outage in the youth of a connection would hide the next one for minutes; with more, a bad path would be learnt
 * too late.
 */
const PRIOR_LOST = 0.6;
const PRIOR_SENT = 30;

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
  // sock_diag does not tell sk_err_soft; what the local queue drops for long is rare beside ICMP errors and thin streams.
  if (mayLackBackoff(socket) || (socket.polled && socket.retransmits > socket.backoff + 1)) {
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

/** Segments that a socket sent, retransmissions among them, and how many of these were lost; 0 or more. */
export interface LossHistory {
  readonly lost: number;
  readonly sent: number;
}

/** What this socket sent and lost before the episode began: each retransmission is taken for one loss. */
export function lossBefore(socket: SocketSnapshot): LossHistory {
  const inEpisode = socket.retransmits + (socket.tlpRetrans ? 1 : 0);
  const sent = Math.max(0, socket.dataSegsOut - inEpisode);
  // Retransmissions of a SYN are no data segments.
  const lost = Math.min(sent, Math.max(0, socket.totalRetrans - inEpisode));
  return { lost, sent };
}

/** The probability that a healthy connection with this history loses `rtos` transmissions in a row; 0-1. */
export function chanceIfHealthy({ lost, sent }: LossHistory, rtos: number): number {
  let chance = 1;
  for (let before = 0; before < rtos; before++) {
    chance *= (lost + before + PRIOR_LOST) / (sent + before + PRIOR_SENT);
  }
  return chance;
}

/** @returns true if any ACK arrived since the first RTO. Stamps of jiffies are exact to one, which is tolerated. */
export function wasHeard(socket: SocketSnapshot, ticks: TickClock): boolean {
  if (isRefusedLocally(socket)) {
    return false; // an ACK would have zeroed the count of attempts
  }
  return lastAckUs(socket, ticks) > firstRtoUs(socket, ticks) + tickUs(ticks);
}
