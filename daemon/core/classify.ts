/** The kinds as predicates: what a snapshot may be a case of, and from when on it is one. */
import { fulfilsEvidenceRule } from './evidence.js';
import type { TickClock } from './jiffies.js';
import { isProbingPeer, probeSentUs } from './keepalive-probes.js';
import type { StuckKind } from './kinds.js';
import { connectingSince, keepaliveSince, retransmittingSince, type Since } from './since.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import type { KindRules } from './tracker-config.js';

/** A socket that is, or may become, a case of a kind. */
export interface Candidate {
  readonly kind: StuckKind;
  readonly since: Since;
  /**
   * CLOCK_MONOTONIC microseconds from which on the kind's rule is fulfilled if the socket does not change; null if it
   * must change first.
   */
  readonly qualifiesAtUs: number | null;
}

/** A keepalive probe is unanswered only after the peer had this long to answer. */
const PROBE_ANSWER_MIN_US = 1_000_000;
const PROBE_ANSWER_SRTTS = 4;

/** Our FIN is on its way: it was sent, or waits behind data, and is not acknowledged. */
export function isClosing(state: number): boolean {
  return state === TCP_STATE.FIN_WAIT1 || state === TCP_STATE.CLOSING || state === TCP_STATE.LAST_ACK;
}

/**
 * @param finSince since when the FIN is unacknowledged; read in the closing states only.
 * @returns null if the socket is no candidate for any kind that is switched on.
 */
export function classify(
  socket: SocketSnapshot,
  finSince: Since | null,
  rules: KindRules,
  ticks: TickClock,
): Candidate | null {
  const kind = candidateKind(socket);
  if (kind === null || !rules[kind].enabled) {
    return null;
  }
  switch (kind) {
    case 'retransmitting':
      return {
        kind,
        since: retransmittingSince(socket, ticks),
        qualifiesAtUs: fulfilsEvidenceRule(socket, rules.retransmitting.open, ticks) ? socket.monoUs : null,
      };
    case 'keepalive_unanswered':
      return {
        kind,
        since: keepaliveSince(socket, ticks),
        qualifiesAtUs: keepaliveQualifiesAtUs(socket, rules.keepalive_unanswered.open.probes, ticks),
      };
    case 'connecting':
      return {
        kind,
        since: connectingSince(socket, ticks),
        qualifiesAtUs: socket.retransmits >= rules.connecting.open.retransmits ? socket.monoUs : null,
      };
    case 'closing': {
      const since = finSince ?? { timeUs: socket.monoUs, atLeast: true };
      return { kind, since, qualifiesAtUs: since.timeUs + rules.closing.open.afterMs * 1000 };
    }
  }
}

function candidateKind(socket: SocketSnapshot): StuckKind | null {
  if (socket.state === TCP_STATE.SYN_SENT) {
    return 'connecting';
  }
  if (isClosing(socket.state)) {
    return 'closing';
  }
  if (isRetransmitting(socket)) {
    return 'retransmitting';
  }
  return isProbingPeer(socket) ? 'keepalive_unanswered' : null;
}

function isRetransmitting(socket: SocketSnapshot): boolean {
  const sends = socket.state === TCP_STATE.ESTABLISHED || socket.state === TCP_STATE.CLOSE_WAIT;
  return sends && socket.packetsOut > 0 && socket.retransmits > 0;
}

/** The rule asks for the age of probe number `probes`: with a short interval the newest one is never old. */
function keepaliveQualifiesAtUs(socket: SocketSnapshot, probes: number, ticks: TickClock): number | null {
  const sentUs = probeSentUs(socket, probes, ticks);
  return sentUs === null ? null : sentUs + Math.max(PROBE_ANSWER_MIN_US, PROBE_ANSWER_SRTTS * socket.srttUs);
}

/** @returns the kind that an open record has now: a connection that is stuck goes on in another way as it is used. */
export function continuedKind(kind: StuckKind, socket: SocketSnapshot): StuckKind {
  if (isClosing(socket.state)) {
    return 'closing';
  }
  // Keepalive stops while data is in flight; the RTO takes over, and probes_out keeps its value.
  return kind === 'keepalive_unanswered' && socket.packetsOut > 0 ? 'retransmitting' : kind;
}
