/** The life of an entry: admitted as a suspect, opened, updated, ended or forgotten. */
import { isInformational } from './circumstances.js';
import { continued, type Stuck } from './classify.js';
import { forecastErrorOf } from './forecast-error.js';
import { forecastGiveUp } from './give-up.js';
import type { Outcome } from './kinds.js';
import { isMaterialChange } from './material-change.js';
import type { Observation } from './observation.js';
import type { PolledBefore } from './polled-end.js';
import { needsSweep, OWNER_PENDING, releasedOwnership, type Ownership } from './ownership.js';
import { buildRecord, directionOf, recordId, type RecordIdentity } from './record-builder.js';
import type { GiveUp, TimelineEntry } from './record.js';
import { sharedText } from './shared-text.js';
import type { SocketSnapshot } from './snapshot.js';
import {
  beginning,
  detectionText,
  endText,
  kindChangeText,
  leftOverText,
  ownershipChangeText,
  silenceChangeText,
  withStep,
} from './timeline.js';
import {
  countEnd,
  countStuck,
  remember,
  requestPass,
  type Entry,
  type KernelContext,
  type Step,
  type TrackerState,
} from './tracker-state.js';

/** @returns a new suspect, or null if there is no room. */
export function admit(state: TrackerState, key: string, socket: SocketSnapshot): Entry | null {
  if (state.entries.size >= state.config.maxTracked && !evictOldestSuspect(state)) {
    state.counters.refused++;
    return null;
  }
  const entry: Entry = {
    key,
    firstSeenUs: socket.monoUs,
    socket,
    marked: false,
    watched: false,
    standing: null,
    ownership: OWNER_PENDING,
    unheldAsOfUs: null,
    lastSweepId: null,
    missing: null,
    candidate: null,
    open: null,
  };
  state.entries.set(key, entry);
  state.suspects.add(key);
  return entry;
}

function evictOldestSuspect(state: TrackerState): boolean {
  for (const key of state.suspects) {
    const entry = state.entries.get(key);
    if (entry !== undefined) {
      removeEntry(state, entry);
      state.counters.evicted++;
      return true;
    }
  }
  return false;
}

/** A suspect turned out healthy, or ended before its rule was fulfilled. Nobody hears of it. */
export function forget(state: TrackerState, entry: Entry, asOfUs: number): void {
  removeEntry(state, entry);
  // A report from before, still on its way from a pass, must not bring it back.
  remember(state.forgotten, entry.key, asOfUs, state.config.maxForgotten);
}

function removeEntry(state: TrackerState, entry: Entry): void {
  if (entry.open !== null) {
    countStuck(state, entry.open.kind, -1);
  }
  state.entries.delete(entry.key);
  state.suspects.delete(entry.key);
  state.deadlines.delete(entry.key);
  state.due.delete(entry.key);
  state.missing.delete(entry.key);
  state.unheld.delete(entry.key);
}

/** @param detectedUs when its rule was seen to be fulfilled, CLOCK_MONOTONIC microseconds. */
export function openRecord(step: Step, entry: Entry, context: KernelContext, detectedUs: number): void {
  const { state, effects } = step;
  const { candidate, socket } = entry;
  if (candidate === null) {
    return;
  }
  const kind = candidate.kind;
  const since = { ...candidate.since, timeUs: Math.min(candidate.since.timeUs, detectedUs) };
  const giveUp = forecastGiveUp(socket, context.kernel, context.clock);
  const identity = newIdentity(state, context, entry, detectedUs, giveUp);
  const text = sharedText(detectionText(kind, socket, detectedUs - since.timeUs, context.ticks));
  const detection = { timeUs: detectedUs, text };
  const record = buildRecord(
    identity,
    {
      kind,
      since,
      ownership: entry.ownership,
      giveUp,
      timeline: withStep(beginning(kind, since), detection, state.config.maxTimeline),
      peerIdleLimitUs: state.idleLimits.limitUs(socket.netns, socket.remote),
    },
    socket,
    context.ticks,
  );
  entry.open = { identity, kind, since, record, forecastOf: socket };
  countStuck(state, kind, 1);
  entry.candidate = null;
  state.suspects.delete(entry.key);
  state.deadlines.delete(entry.key);
  state.due.delete(entry.key);
  state.counters.opened++;
  effects.push({ type: 'opened', record, timeUs: detectedUs });
  // The descriptors of a socket that a running sweep reports follow in the same sweep.
  const isBeingSwept = state.pass?.kind === 'sweep' && state.pass.passId === entry.lastSweepId;
  if (entry.ownership.type === 'pending' && !isBeingSwept) {
    requestPass(step, 'sweep');
  }
}

/** @returns what stays the same of a record that opens now, whatever becomes of the socket. */
export function newIdentity(
  state: TrackerState,
  context: KernelContext,
  { key, socket }: Pick<Entry, 'key' | 'socket'>,
  detectedUs: number,
  detectedGiveUp: GiveUp | null,
): RecordIdentity {
  const previousId = state.lastIds.get(key) ?? null;
  const id = nextId(context, socket.cookie, detectedUs, previousId);
  return { id, previousId, direction: directionOf(socket), detectedUs, detectedGiveUp };
}

/** @returns an id that no record of this socket had before. */
function nextId(context: KernelContext, cookie: bigint, detectedUs: number, previousId: string | null): string {
  const { realUs, monoUs } = context.clock;
  const realMs = Math.max(0, Math.floor((realUs - monoUs + detectedUs) / 1000));
  const id = recordId(realMs, cookie);
  return id === previousId ? recordId(realMs + 1, cookie) : id;
}

/**
 * Brings an open record up to date with its entry; tells it if a client should know.
 * @param rest what it goes on as although its kind has recovered; null: that follows from what it is.
 */
export function updateRecord(
  step: Step,
  entry: Entry,
  context: KernelContext,
  timeUs: number,
  rest: Stuck | null = null,
): void {
  const { open, socket } = entry;
  if (open === null) {
    return;
  }
  const { kind, since } = rest ?? continued(open, socket, entry.standing, step.state.config.kinds, context.ticks);
  let timeline = open.record.timeline;
  const note = (text: string): void => {
    timeline = withStep(timeline, { timeUs, text }, step.state.config.maxTimeline);
  };
  if (kind !== open.kind) {
    note(rest === null ? kindChangeText(open.kind, kind, socket) : leftOverText(open.kind, kind));
    countStuck(step.state, open.kind, -1);
    countStuck(step.state, kind, 1);
    open.since = since;
    open.kind = kind;
  }
  const silenceNote = silenceChangeText(open.record, kind, isInformational(kind, socket, context.ticks));
  if (silenceNote !== null) {
    note(silenceNote);
  }
  if (open.record.polled !== socket.polled) {
    note(socket.polled ? 'seen by polling from here on' : 'seen by BPF from here on');
  }
  const ownershipNote = ownershipChangeText(open.record.ownerType, entry.ownership.type);
  if (ownershipNote !== null) {
    note(ownershipNote);
  }
  if (socket.inbound && open.identity.direction !== 'inbound') {
    // Its listener was younger than the last sweep when the record opened.
    open.identity = { ...open.identity, direction: 'inbound' };
  }
  // A sweep that names the owners of thousands of sockets has nothing new to say about their timers.
  const isForecast = open.forecastOf === socket;
  const giveUp = isForecast ? open.record.giveUp : forecastGiveUp(socket, context.kernel, context.clock);
  open.forecastOf = socket;
  const { peerIdleLimitUs } = open.record;
  const findings = { kind, since: open.since, ownership: entry.ownership, giveUp, timeline, peerIdleLimitUs };
  const record = buildRecord(open.identity, findings, socket, context.ticks);
  if (isMaterialChange(open.record, record)) {
    open.record = record;
    step.effects.push({ type: 'updated', record, timeUs });
  }
}

interface Ending {
  /** The snapshot that shows the end. */
  readonly last?: SocketSnapshot;
  /** What is known of the socket is from before a reboot. */
  readonly isOfOtherBoot?: boolean;
  /** The last step of the timeline, where more is known than the outcome says. */
  readonly text?: string | undefined;
}

/** @returns what is kept of an entry so that questions about its record can be answered. */
export function observationOf({ socket, standing }: Entry): Observation {
  return { socket, closedUs: standing?.kind === 'closing' ? standing.since.timeUs : null };
}

/**
 * Ends an open record. It keeps the facts of the last moment at which it was stuck.
 */
export function endRecord(step: Step, entry: Entry, outcome: Outcome, endUs: number, how: Ending = {}): void {
  const { state, effects } = step;
  const { last = null, isOfOtherBoot = false } = how;
  const { open } = entry;
  if (open === null) {
    return;
  }
  const { counters, config } = state;
  const before = open.record;
  const forecastErrorUs = forecastErrorOf(before.detectedGiveUp, outcome, endUs, last);
  const end: TimelineEntry = { timeUs: endUs, text: how.text ?? endText(before.kind, outcome, forecastErrorUs) };
  const record = {
    ...before,
    // At a timeout the counters survive, and may be newer than the last refresh.
    retransmits: Math.max(before.retransmits, last?.retransmits ?? 0),
    probes: Math.max(before.probes, last?.probesOut ?? 0),
    forecastErrorUs,
    outcome,
    endUs,
    timeline: withStep(before.timeline, end, config.maxTimeline),
  };
  forget(state, entry, last?.monoUs ?? endUs);
  remember(state.lastIds, entry.key, record.id, config.maxRecentlyEnded);
  countEnd(counters, outcome);
  if (entry.watched) {
    effects.push({ type: 'unwatch', cookie: record.cookie });
  }
  effects.push({ type: 'ended', record, timeUs: endUs, observation: isOfOtherBoot ? null : observationOf(entry) });
}

/** What the newest snapshot alone says about the holders: a socket without a file needs no sweep to tell. */
export function learnOwnership(state: TrackerState, entry: Entry): void {
  const isSettled = !needsSweep(entry.socket);
  const isUnheld = entry.unheldAsOfUs !== null && knownAsOfUs(state, entry) >= entry.unheldAsOfUs;
  if (isSettled || isUnheld) {
    setOwnership(state, entry, releasedOwnership(entry.ownership, entry.socket));
  }
}

export function setOwnership(state: TrackerState, entry: Entry, ownership: Ownership): void {
  entry.ownership = ownership;
  entry.unheldAsOfUs = null;
  state.unheld.delete(entry.key);
}

/** @returns the time as of which the newest snapshot is known to hold: refreshes are silent about what is unchanged. */
export function knownAsOfUs(state: TrackerState, entry: Entry): number {
  return entry.marked ? Math.max(entry.socket.monoUs, state.refreshedUs) : entry.socket.monoUs;
}

/** What is known of a polled connection until it is found to be gone. */
export function polledBefore(state: TrackerState, entry: Entry): PolledBefore {
  return { socket: entry.socket, knownUs: knownAsOfUs(state, entry), isHeld: entry.ownership.type === 'process' };
}
