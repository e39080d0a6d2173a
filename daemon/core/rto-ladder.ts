/**
 * When the retransmission timeouts of the present episode happened, and when the next ones will. Kernels since 6.7 note
 * the first one (`rto_stamp`); before, it is reconstructed from the doubling of the RTO.
 */
import { jiffyStartUs, usToJiffies, type TickClock } from './jiffies.js';
import { backedOffRtoJiffies, isInsideRtoTimer, isThin, rtoMaxJiffies } from './kernel-limits.js';
import { pastMs32Us, retransStampUs, tickUs, timerExpiryUs } from './kernel-time.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { armJiffy, fireJiffy } from './timer-wheel.js';

/** `TCP_THIN_LINEAR_RETRIES`. */
const THIN_LINEAR_RETRIES = 6;

/** The wheel delays a timer by at most this share of its length: a bucket is 1/7.875 of the shortest delay in it. */
const WHEEL_SHARE = 1 / 7.875;

/** @returns when the first RTO of the present run of `icsk_retransmits` fired, CLOCK_MONOTONIC microseconds. */
export function firstRtoUs(socket: SocketSnapshot, ticks: TickClock): number {
  if (socket.hasRtoStamp && socket.rtoStampMs !== 0) {
    return pastMs32Us(socket.rtoStampMs, socket.monoUs);
  }
  const sinceFirstUs = laddersLengthJiffies(socket, ticks) * tickUs(ticks);
  const ladderUs = lastRtoUs(socket, ticks) - sinceFirstUs;
  // Timers run late, never early: the true first RTO lies before the ladder's, by no more than the wheel's rounding.
  // retrans_stamp is the first retransmission of any sort; if it falls into that span it was this RTO.
  const latestUs = ladderUs + tickUs(ticks);
  const earliestUs = ladderUs - sinceFirstUs * WHEEL_SHARE - socket.retransmits * tickUs(ticks);
  const stampUs = retransStampUs(socket);
  return stampUs !== null && stampUs >= earliestUs && stampUs <= latestUs ? stampUs : ladderUs;
}

/** @returns when the newest RTO fired, or this instant if no timer tells. */
export function lastRtoUs(socket: SocketSnapshot, ticks: TickClock): number {
  if (isInsideRtoTimer(socket) || socket.pending !== PENDING.RETRANS || !socket.writeTimer.pending) {
    return socket.monoUs;
  }
  return timerExpiryUs(socket.writeTimer, socket, ticks) - socket.rtoJiffies * tickUs(ticks);
}

/** @returns jiffies from the first to the newest RTO, as the backoff says, without the wheel's rounding. */
function laddersLengthJiffies(socket: SocketSnapshot, ticks: TickClock): number {
  const linear = linearTimeouts(socket);
  const max = rtoMaxJiffies(socket, ticks.hz);
  // Inside the timer the RTO is still the one that has just passed.
  const steps = isInsideRtoTimer(socket) ? socket.retransmits - 1 : socket.retransmits;
  const doublings = Math.max(0, steps - linear);
  const base = socket.rtoJiffies < max ? socket.rtoJiffies / 2 ** doublings : initialRtoJiffies(socket, ticks);
  let length = 0;
  for (let rto = 1; rto < socket.retransmits; rto++) {
    length += Math.min(max, base * 2 ** Math.max(0, rto - linear));
  }
  return length;
}

/** How many RTOs at the start of an episode do not double the timeout. */
function linearTimeouts(socket: SocketSnapshot): number {
  if (socket.state === TCP_STATE.SYN_SENT) {
    return socket.sysctls.synLinearTimeouts;
  }
  return isThin(socket) ? THIN_LINEAR_RETRIES : 0;
}

/** The RTO before any backoff: `__tcp_set_rto()`; one second before there is a round-trip time. */
export function initialRtoJiffies(socket: SocketSnapshot, ticks: TickClock): number {
  if (socket.srttUs === 0) {
    return ticks.hz;
  }
  return Math.max(usToJiffies(socket.srttUs + socket.rttvarUs, ticks.hz), socket.rtoMinJiffies + 1);
}

/**
 * @returns how often the RTO has doubled. Behind a shrunk window that is the count of retransmissions, of which kernels
 * before 6.5 keep no other account.
 */
export function doublings(socket: SocketSnapshot, ticks: TickClock): number {
  return Math.max(socket.backoff, Math.round(Math.log2(socket.rtoJiffies / initialRtoJiffies(socket, ticks))));
}

/** @returns the RTO that is running. Inside the timer the field still holds the one that has just passed. */
export function runningRtoJiffies(socket: SocketSnapshot, hz: number): number {
  if (!isInsideRtoTimer(socket)) {
    return socket.rtoJiffies;
  }
  const { jiffies, monoUs, rtoJiffies, retransmits, totalRto, retransStamp } = socket;
  const episode = { jiffy: jiffies, nowUs: monoUs, rtoJiffies, retransmits, totalRto, retransStamp, transmissions: 0 };
  return backedOffRtoJiffies(socket, episode, hz);
}

/**
 * When a socket that stays silent retransmits next, played forward from its last known state.
 * @param fromUs retransmissions before this instant have passed unseen.
 * @returns CLOCK_MONOTONIC microseconds; null if no retransmission timer was running.
 */
export function nextRetransmissionUs(socket: SocketSnapshot, fromUs: number, ticks: TickClock): number | null {
  const max = rtoMaxJiffies(socket, ticks.hz);
  let rto = Math.max(1, runningRtoJiffies(socket, ticks.hz));
  let jiffy = firstFireJiffy(socket, rto);
  if (jiffy === null) {
    return null;
  }
  while (jiffyStartUs(jiffy, ticks) < fromUs && rto < max) {
    rto = Math.min(rto * 2, max);
    jiffy = armJiffy(jiffy, rto);
  }
  // At the longest timeout every further step has the same length: no need to walk hours of them one by one.
  const stepUs = jiffyStartUs(armJiffy(jiffy, rto), ticks) - jiffyStartUs(jiffy, ticks);
  const behindUs = fromUs - jiffyStartUs(jiffy, ticks);
  return jiffyStartUs(jiffy, ticks) + Math.max(0, Math.ceil(behindUs / stepUs)) * stepUs;
}

function firstFireJiffy(socket: SocketSnapshot, rto: number): number | null {
  if (isInsideRtoTimer(socket)) {
    return armJiffy(socket.jiffies, rto);
  }
  const retransmits = socket.pending !== PENDING.NONE && socket.pending !== PENDING.PROBE0;
  return retransmits && socket.writeTimer.pending ? fireJiffy(socket.writeTimer, socket.jiffies) : null;
}
