/** What a report of one socket changes. */
import { classify, leftOver, type Stuck } from './classify.js';
import type { Outcome, StuckKind } from './kinds.js';
import { outcomeOf } from './outcome.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { nextStanding, sendsFin, type Standing } from './standing.js';
import {
  admit,
  endRecord,
  forget,
  knownAsOfUs,
  polledBefore,
  learnOwnership,
  openRecord,
  updateRecord,
} from './tracker-lifecycle.js';
import { isReuseDeadline, learnIdleClose, learnOldClose, noteReuse } from './tracker-reuse.js';
import {
  EVENT_LAG_US,
  remember,
  requestPass,
  socketKey,
  type Entry,
  type KernelContext,
  type Step,
  type TrackerState,
} from './tracker-state.js';
import { isUnchanged } from './unchanged-socket.js';
import { polledEnd, showsPolledEnd, type PolledEnd } from './polled-end.js';
import { inSequenceSpaceOf, snapshotOfPolled } from './polled-snapshot.js';
import type { PolledSocket } from './polled-socket.js';

/** What was polled is taken for what BPF would have read of the same socket. */
export function applyPolled(step: Step, context: KernelContext, polled: PolledSocket): void {
  const known = step.state.entries.get(socketKey(polled.netns, polled.cookie));
  applySocket(step, context, snapshotOfPolled(polled, known?.socket ?? null, context.ticks));
}

export function applySocket(step: Step, context: KernelContext, socket: SocketSnapshot): void {
  const { state } = step;
  if (socket.cause === 'idle_close') {
    learnIdleClose(step, context, socket);
    return;
  }
  if (socket.cookie === 0n) {
    // Read through a timer, of a socket that nobody asked for its cookie yet: a sweep gives it one and reports it.
    state.counters.untrustedIgnored++;
    requestPass(step, 'sweep');
    return;
  }
  noteReuse(step, context, socket);
  const key = socketKey(socket.netns, socket.cookie);
  const entry = state.entries.get(key);
  if (entry === undefined) {
    meetSocket(step, context, key, socket);
    return;
  }
  if (socket.untrusted && !entry.socket.untrusted) {
    state.counters.untrustedIgnored++;
    return;
  }
  entry.socket = inSequenceSpaceOf(entry.socket, socket);
  const overtaking = overtakingVisit(entry, socket);
  noteVisit(step, entry, socket);
  if (socket.monoUs < entry.socket.monoUs && socket.cause !== 'destroy') {
    state.counters.staleIgnored++;
    noteLateFin(entry, socket);
    return;
  }
  const kind = kindOf(entry);
  const polled = kind !== null && showsPolledEnd(socket) ? endOfPolled(state, entry, kind, socket) : null;
  const outcome = polled?.outcome ?? (kind === null ? null : outcomeOf(kind, entry.socket, socket));
  if (outcome === null) {
    absorb(step, context, entry, socket);
  } else if (overtaking !== null) {
    awaitEvent(state, entry, overtaking);
  } else {
    conclude(step, context, entry, socket, outcome, polled?.text);
  }
}

function endOfPolled(state: TrackerState, entry: Entry, kind: StuckKind, socket: SocketSnapshot): PolledEnd {
  return polledEnd(kind, polledBefore(state, entry), socket, entry.open?.record.giveUp ?? null, socket.monoUs);
}

/** Ends what the socket was until now; what it is from now on may be something new. */
function conclude(
  step: Step,
  context: KernelContext,
  entry: Entry,
  socket: SocketSnapshot,
  outcome: Outcome,
  text?: string,
): void {
  const { state } = step;
  const standing = nextStanding(entry.standing, entry.socket, socket, state.config.kinds, context.ticks);
  const rest = outcome === 'recovered' ? leftOverOf(step, context, entry, socket, standing) : null;
  if (rest !== null) {
    absorb(step, context, entry, socket, rest);
    return;
  }
  if (entry.open === null) {
    forget(state, entry, socket.monoUs);
  } else {
    endRecord(step, entry, outcome, Math.max(socket.monoUs, entry.open.identity.detectedUs), { last: socket, text });
  }
  if (socket.cause !== 'destroy') {
    // It lives on, or a descriptor of it does.
    suspect(step, context, entry.key, socket, standing);
  }
}

/** @returns what a record goes on as although its kind has recovered; null if it is over. */
function leftOverOf(
  step: Step,
  { ticks }: KernelContext,
  { open, standing: before }: Entry,
  socket: SocketSnapshot,
  standing: Standing | null,
): Stuck | null {
  const isMoving = standing === null || standing !== before;
  const rest = isMoving || open === null ? null : leftOver(open, socket, standing, step.state.config.kinds, ticks);
  return rest?.kind === open?.kind ? null : rest;
}

/** A socket that is not tracked. */
function meetSocket(step: Step, context: KernelContext, key: string, socket: SocketSnapshot): void {
  const forgottenUs = step.state.forgotten.get(key);
  if (forgottenUs !== undefined && socket.monoUs <= forgottenUs) {
    step.state.counters.staleIgnored++;
    return;
  }
  if (socket.cause === 'destroy') {
    // What a pass has read of it before may still be on its way, and must not bring it to life.
    remember(step.state.forgotten, key, socket.monoUs, step.state.config.maxForgotten);
  } else {
    const standing = nextStanding(null, socket, socket, step.state.config.kinds, context.ticks);
    suspect(step, context, key, socket, standing);
  }
}

/**
 * Admits the socket if it is a candidate for anything.
 * @param standing the condition that it is in. If it was in it before, and has moved, that began anew.
 */
function suspect(
  step: Step,
  context: KernelContext,
  key: string,
  socket: SocketSnapshot,
  standing: Standing | null,
): void {
  const { state } = step;
  if (socket.cleared || classify(socket, standing, state.config.kinds, context.ticks) === null) {
    return;
  }
  if (standing !== null) {
    learnOldClose(step, context, socket, standing);
  }
  const entry = admit(state, key, socket);
  if (entry !== null) {
    entry.standing = standing;
    noteVisit(step, entry, socket);
    absorb(step, context, entry, socket);
  }
}

function kindOf(entry: Entry): StuckKind | null {
  return entry.open?.kind ?? entry.candidate?.kind ?? null;
}

/** Whatever else a report says, it says that the sensor observes the socket, and which pass found it. */
function noteVisit(step: Step, entry: Entry, socket: SocketSnapshot): void {
  const { state, effects } = step;
  if (socket.untrusted) {
    return;
  }
  entry.marked = true;
  entry.missing = null;
  state.missing.delete(entry.key);
  if (entry.watched) {
    entry.watched = false;
    effects.push({ type: 'unwatch', cookie: socket.cookie });
  }
  if (socket.cause === 'sweep') {
    entry.lastSweepId = socket.passId;
  }
}

/**
 * A pass that finds a socket closed, which the sensor observes, may have overtaken the event of its end: that alone has
 * the time, and the error, which the application may have read since.
 * @returns the first visit that found it closed, while its event may still be on its way; else null.
 */
function overtakingVisit(entry: Entry, socket: SocketSnapshot): SocketSnapshot | null {
  const isVisit = socket.cause === 'sweep' || socket.cause === 'refresh';
  const isEnd = socket.state === TCP_STATE.CLOSE && entry.socket.state !== TCP_STATE.CLOSE;
  if (entry.open === null || !isVisit || !isEnd || socket.polled) {
    return null;
  }
  const first = entry.missing?.visit;
  if (first === undefined) {
    return entry.marked ? socket : null;
  }
  return socket.monoUs < first.monoUs + EVENT_LAG_US ? first : null;
}

function awaitEvent(state: TrackerState, entry: Entry, visit: SocketSnapshot): void {
  entry.marked = false;
  entry.missing = { sinceUs: visit.monoUs, goneAtUs: visit.monoUs + EVENT_LAG_US, visit };
  state.missing.add(entry.key);
}

/** A pass may overtake an event. The state that it shows is newer, but only the event knows when the FIN was sent. */
function noteLateFin(entry: Entry, socket: SocketSnapshot): void {
  const { standing } = entry;
  if (sendsFin(socket) && standing?.kind === 'closing' && standing.since.atLeast) {
    entry.standing = { kind: 'closing', since: { timeUs: socket.monoUs, atLeast: false } };
  }
}

/**
 * Takes over a snapshot that does not end anything.
 * @param rest what an open record goes on as; null: that follows from what it is.
 */
function absorb(
  step: Step,
  context: KernelContext,
  entry: Entry,
  socket: SocketSnapshot,
  rest: Stuck | null = null,
): void {
  const { state } = step;
  const before = entry.socket;
  const ownership = entry.ownership;
  entry.socket = socket;
  entry.standing = nextStanding(entry.standing, before, socket, state.config.kinds, context.ticks);
  learnOwnership(state, entry);
  if (entry.open === null) {
    reconsider(step, context, entry);
    return;
  }
  // What is unchanged may have lasted long enough to be more than it was.
  const mayBeMore = entry.standing !== null && entry.standing.kind !== entry.open.kind;
  if (mayBeMore || entry.ownership !== ownership || !isUnchanged(before, socket)) {
    updateRecord(step, entry, context, socket.monoUs, rest);
  }
  if (socket.cleared) {
    loseSight(step, entry);
  }
}

/** A suspect: healthy again, stuck by now, or to be looked at again when its rule may be fulfilled. */
function reconsider(step: Step, context: KernelContext, entry: Entry): void {
  const { state } = step;
  const { socket } = entry;
  const candidate = classify(socket, entry.standing, state.config.kinds, context.ticks);
  // A timer's report that cannot lead to a record is not worth waiting for.
  const isHopeless = socket.untrusted && candidate?.qualifiesAtUs === null;
  if (candidate === null || socket.cleared || isHopeless) {
    forget(state, entry, socket.monoUs);
    return;
  }
  entry.candidate = candidate;
  state.due.delete(entry.key);
  state.deadlines.delete(entry.key);
  if (candidate.qualifiesAtUs === null) {
    return;
  }
  const asOfUs = knownAsOfUs(state, entry);
  if (!socket.untrusted && candidate.qualifiesAtUs <= asOfUs) {
    openRecord(step, entry, context, Math.max(candidate.qualifiesAtUs, socket.monoUs));
  } else {
    state.deadlines.set(entry.key, candidate.qualifiesAtUs);
  }
}

/**
 * The sensor let go of a socket that is stuck all the same: its 8-bit counter of retransmissions passed zero. Until it
 * crosses the threshold again only sweeps see it.
 */
function loseSight(step: Step, entry: Entry): void {
  const { state, effects } = step;
  entry.marked = false;
  entry.watched = true;
  entry.missing = { sinceUs: entry.socket.monoUs, goneAtUs: null };
  state.missing.add(entry.key);
  effects.push({ type: 'watch', cookie: entry.socket.cookie });
}

/** Deadlines only ask for a look: no record opens because a clock ran on, but because the kernel was seen unchanged. */
export function askAboutDue(step: Step): void {
  const { state, nowUs } = step;
  if (!state.sensorUp) {
    return;
  }
  for (let key = state.deadlines.popDue(nowUs); key !== null; key = state.deadlines.popDue(nowUs)) {
    const entry = state.entries.get(key);
    if (entry !== undefined) {
      state.due.add(key);
      requestPass(step, entry.marked ? 'refresh' : 'sweep');
    } else if (isReuseDeadline(key)) {
      requestPass(step, 'sweep');
    }
  }
}
