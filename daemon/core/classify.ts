/** The kinds as rules: what a snapshot may be a case of, and from when on it is one. */
import { hasShrunkWindow, isClosing, isRefusedLocally, isRetransmitting, isWindowClosed } from './conditions.js';
import { fulfilsEvidenceRule } from './evidence.js';
import { windowProbeSentUs } from './give-up-window-probe.js';
import type { TickClock } from './jiffies.js';
import { isProbingPeer, probeSentUs } from './keepalive-probes.js';
import { lastAckUs, tickUs } from './kernel-time.js';
import type { StuckKind } from './kinds.js';
import { connectingSince, keepaliveSince, retransmittingSince, type Since } from './since.js';
import { doublings } from './rto-ladder.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import type { Standing } from './standing.js';
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

/** A probe is unanswered only after the peer had this long to answer. */
const PROBE_ANSWER_MIN_US = 1_000_000;
const PROBE_ANSWER_SRTTS = 4;

/**
 * @param standing the condition that the socket is in, and since when.
 * @returns what fulfils its rule, or will do so first; null if the socket is no candidate for a kind that is switched on.
 */
export function classify(
  socket: SocketSnapshot,
  standing: Standing | null,
  rules: KindRules,
  ticks: TickClock,
): Candidate | null {
  let best: Candidate | null = null;
  for (const candidate of candidates(socket, standing, rules, ticks)) {
    if (rules[candidate.kind].enabled && (best === null || isSooner(candidate, best, socket.monoUs))) {
      best = candidate;
    }
  }
  return best;
}

/** Of two that are fulfilled already the one that was named first is the graver. */
function isSooner(candidate: Candidate, best: Candidate, nowUs: number): boolean {
  const at = (one: Candidate): number => Math.max(one.qualifiesAtUs ?? Infinity, nowUs);
  return at(candidate) < at(best);
}

/** All that the socket may be a case of, the gravest first. */
function candidates(
  socket: SocketSnapshot,
  standing: Standing | null,
  rules: KindRules,
  ticks: TickClock,
): readonly Candidate[] {
  if (socket.state === TCP_STATE.SYN_SENT) {
    return [connectingCandidate(socket, rules, ticks)];
  }
  const found: Candidate[] = [];
  if (isRetransmitting(socket)) {
    found.push(retransmittingCandidate(socket, rules, ticks));
  }
  if (isProbingPeer(socket)) {
    found.push(keepaliveCandidate(socket, rules, ticks));
  }
  if (standing !== null) {
    found.push(standingCandidate(socket, standing, rules, ticks));
  }
  return found;
}

function connectingCandidate(socket: SocketSnapshot, rules: KindRules, ticks: TickClock): Candidate {
  return {
    kind: 'connecting',
    since: connectingSince(socket, ticks),
    qualifiesAtUs: socket.retransmits >= rules.connecting.open.retransmits ? socket.monoUs : null,
  };
}

function retransmittingCandidate(socket: SocketSnapshot, rules: KindRules, ticks: TickClock): Candidate {
  return {
    kind: 'retransmitting',
    since: retransmittingSince(socket, ticks),
    qualifiesAtUs: fulfilsEvidenceRule(socket, rules.retransmitting.open, ticks) ? socket.monoUs : null,
  };
}

/** The rule asks for the age of probe number `probes`: with a short interval the newest one is never old. */
function keepaliveCandidate(socket: SocketSnapshot, rules: KindRules, ticks: TickClock): Candidate {
  const sentUs = probeSentUs(socket, rules.keepalive_unanswered.open.probes, ticks);
  return {
    kind: 'keepalive_unanswered',
    since: keepaliveSince(socket, ticks),
    qualifiesAtUs: sentUs === null ? null : sentUs + answerTimeUs(socket),
  };
}

function standingCandidate(
  socket: SocketSnapshot,
  { kind, since }: Standing,
  rules: KindRules,
  ticks: TickClock,
): Candidate {
  const lastsUs = since.timeUs + rules[kind].open.afterMs * 1000;
  const silentUs = kind === 'zero_window' ? windowSilentAtUs(socket, rules.zero_window.open.probes, ticks) : null;
  return { kind, since, qualifiesAtUs: Math.min(lastsUs, silentUs ?? Infinity) };
}

/**
 * A silent peer need not be given the time that one gets which answers every probe.
 * @returns from when on it counts as silent if nothing comes from it; null if too few probes have gone unanswered yet.
 */
function windowSilentAtUs(socket: SocketSnapshot, probes: number, ticks: TickClock): number | null {
  if (!hasShrunkWindow(socket)) {
    const sentUs = windowProbeSentUs(socket, probes, ticks);
    return sentUs === null ? null : sentUs + answerTimeUs(socket);
  }
  const firstUs = retransmittingSince(socket, ticks).timeUs;
  const isSilent = doublings(socket, ticks) >= probes && lastAckUs(socket, ticks) <= firstUs + tickUs(ticks);
  return isSilent ? socket.monoUs : null;
}

/** How long a peer may take to answer a probe. */
function answerTimeUs(socket: SocketSnapshot): number {
  return Math.max(PROBE_ANSWER_MIN_US, PROBE_ANSWER_SRTTS * socket.srttUs);
}

/** What an open record is a case of. */
export interface Stuck {
  readonly kind: StuckKind;
  readonly since: Since;
}

/**
 * @param stuck what it was until now.
 * @returns the kind that an open record has now: a connection that is stuck goes on in another way as it is used, and as
 * its peer dies.
 */
export function continued(
  stuck: Stuck,
  socket: SocketSnapshot,
  standing: Standing | null,
  rules: KindRules,
  ticks: TickClock,
): Stuck {
  const { kind, since } = stuck;
  if (isClosing(socket.state)) {
    return kind === 'closing' ? stuck : { kind: 'closing', since: earliest(since, standing?.since ?? since) };
  }
  switch (kind) {
    case 'keepalive_unanswered':
      // Keepalive stops while data is in flight or queued; probes_out keeps its value.
      if (isWindowClosed(socket)) {
        return { kind: 'zero_window', since };
      }
      return socket.packetsOut > 0 || isRefusedLocally(socket) ? { kind: 'retransmitting', since } : stuck;
    case 'zero_window':
      return isRetransmitting(socket) ? { kind: 'retransmitting', since } : stuck;
    case 'retransmitting':
      return hasShrunkWindow(socket) ? { kind: 'zero_window', since } : stuck;
    case 'close_wait':
    case 'fin_wait':
    case 'unread':
    case 'accepting':
    case 'accept_queue_full':
      return graver(stuck, classify(socket, standing, rules, ticks), socket);
    case 'connecting':
    case 'closing':
    case 'zombie':
    case 'stale_reuse':
      return stuck;
  }
}

function earliest(a: Since, b: Since): Since {
  return b.timeUs < a.timeUs ? b : a;
}

/** What only waits becomes what is broken, once the rule of that is fulfilled. */
function graver(stuck: Stuck, candidate: Candidate | null, socket: SocketSnapshot): Stuck {
  return candidate !== null && isFulfilled(candidate, socket) && candidate.kind !== stuck.kind
    ? { kind: candidate.kind, since: earliest(stuck.since, candidate.since) }
    : stuck;
}

/**
 * @param stuck what an open record was until its kind recovered.
 * @param standing what has not moved meanwhile.
 * @returns what is left of it: what had waited before that waits still; null if that is not enough for a record.
 */
export function leftOver(
  stuck: Stuck,
  socket: SocketSnapshot,
  standing: Standing,
  rules: KindRules,
  ticks: TickClock,
): Stuck | null {
  const candidate = classify(socket, standing, rules, ticks);
  return candidate?.kind === standing.kind ? graver(stuck, candidate, socket) : null;
}

function isFulfilled({ qualifiesAtUs }: Candidate, { monoUs }: SocketSnapshot): boolean {
  return qualifiesAtUs !== null && qualifiesAtUs <= monoUs;
}
