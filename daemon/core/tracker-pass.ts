/** What passes change: owners, suspects whose time has come, and entries that nobody finds any more. */
import { heldOwnership, needsSweep, processKey, releasedOwnership } from './ownership.js';
import { outcomeOf, outcomeOfVanished } from './outcome.js';
import { polledEnd } from './polled-end.js';
import { nextRetransmissionUs, runningRtoJiffies } from './rto-ladder.js';
import { tickUs } from './kernel-time.js';
import { TCP_STATE, type HolderReport, type PassReport, type ProcessReport, type SocketSnapshot } from './snapshot.js';
import {
  endRecord,
  forget,
  knownAsOfUs,
  polledBefore,
  learnOwnership,
  openRecord,
  setOwnership,
  updateRecord,
} from './tracker-lifecycle.js';
import { concludeReuses } from './tracker-reuse.js';
import {
  EVENT_LAG_US,
  requestPass,
  socketKey,
  type Conclusion,
  type Entry,
  type KernelContext,
  type RunningPass,
  type Step,
  type TrackerState,
} from './tracker-state.js';

/** How late a retransmission may be reported, beyond what the timer wheel explains: RTO / 8 and this. */
const RETRANSMISSION_SLACK_US = 2_000_000;

/** From a FIN to the third RTO, which the sensor reports: 1 + 2 + 4 times the RTO, and a tail loss probe. */
const RTOS_TO_THRESHOLD = 8;

/** Forgotten sockets are remembered for as long as a report of them may be on its way. */
const REPORT_LAG_US = 10_000_000;

export function applyPass(step: Step, context: KernelContext, report: PassReport): void {
  const { state } = step;
  if (report.edge === 'begin') {
    const { passId, kind, monoUs } = report;
    state.pass = { passId, kind, beginUs: monoUs, processes: new Map(), holders: new Map() };
    state.requested.delete(kind);
    if (kind === 'refresh_full') {
      state.requested.delete('refresh');
    }
    return;
  }
  const pass = state.pass;
  if (pass?.passId !== report.passId || pass.kind !== report.kind) {
    state.counters.unexpectedIgnored++;
    return;
  }
  state.pass = null;
  if (report.error === 0) {
    state.conclusion = conclude(step, context, pass, report.monoUs);
    goOn(step);
  }
}

/**
 * In visits of an entry that has not changed; a change, with all that hear of it, takes as long as a good many of them. With
 * these figures a piece is short beside a turn of the event loop that somebody would notice; the owners of 50,000 connections
 * in one piece took 580 ms.
 */
const PIECE_COST = 8000;
const CHANGE_COST = 25;

/** Works out another piece of what the last pass has to say. */
export function goOn(step: Step): void {
  const { state } = step;
  if (state.conclusion?.next(step).done === true) {
    state.conclusion = null;
  }
}

/** What a pass has seen is taken into account before anything that came after it. */
export function finishConclusion(step: Step): void {
  while (step.state.conclusion !== null) {
    goOn(step);
  }
}

function* conclude(first: Step, context: KernelContext, pass: RunningPass, endUs: number): Conclusion {
  const { state } = first;
  let step = first;
  if (pass.kind === 'sweep') {
    step = yield* inPieces(step, state.entries.values(), (at, entry) => {
      concludeSwept(at, context, entry, pass, endUs);
    });
    concludeReuses(step, context, pass);
    step.state.sweptProcesses = pass.processes;
    pruneForgotten(step.state, pass.beginUs);
  } else {
    step = yield* concludeRefresh(step, context, pass, endUs);
  }
  step = yield* inPieces(step, [...state.unheld], (at, key) => {
    concludeUnheld(at, context, key, endUs);
  });
  yield* inPieces(step, [...state.missing], (at, key) => {
    concludeMissing(at, key, pass);
  });
}

/** A part of a conclusion. Returns the step that its last piece belongs to. */
type Pieces = Generator<undefined, Step, Step>;

function* inPieces<Item>(first: Step, items: Iterable<Item>, visit: (step: Step, item: Item) => void): Pieces {
  let step = first;
  let visits = 0;
  for (const item of items) {
    if (visits + CHANGE_COST * step.effects.length >= PIECE_COST) {
      step = yield;
      visits = 0;
    }
    visits += 1;
    visit(step, item);
  }
  return step;
}

export function applyProcess(state: TrackerState, process: ProcessReport): void {
  const { pass, config, counters } = state;
  if (pass?.passId !== process.passId) {
    counters.unexpectedIgnored++;
  } else if (pass.processes.size < config.maxProcesses) {
    pass.processes.set(processKey(process.pid, process.startBootUs), process);
  } else {
    counters.holdersDropped++;
  }
}

export function applyHolder(state: TrackerState, holder: HolderReport): void {
  const { pass, config, counters } = state;
  if (pass?.passId !== holder.passId) {
    counters.unexpectedIgnored++;
    return;
  }
  const key = socketKey(holder.netns, holder.cookie);
  if (!state.entries.has(key) && !state.reuses.has(key)) {
    return; // The sensor reports more sockets than those that are a case of ours.
  }
  const holders = pass.holders.get(key);
  if (holders === undefined) {
    pass.holders.set(key, [holder]);
  } else if (holders.length < config.maxHolders) {
    holders.push(holder);
  } else {
    counters.holdersDropped++;
  }
}

/** Learns from a complete sweep who holds a socket. */
function concludeSwept(step: Step, context: KernelContext, entry: Entry, sweep: RunningPass, endUs: number): void {
  const holders = sweep.holders.get(entry.key);
  if (holders !== undefined) {
    const before = entry.ownership;
    setOwnership(step.state, entry, heldOwnership(before, holders, sweep.processes));
    if (entry.ownership !== before) {
      updateRecord(step, entry, context, endUs);
    }
  } else if (entry.lastSweepId === sweep.passId) {
    concludeUnseenHolder(step, context, entry, endUs);
  } else if (sweep.beginUs >= entry.firstSeenUs) {
    concludeUnswept(step, context, entry, sweep);
  }
}

/**
 * BPF reports a held socket with its descriptors; polling meets sockets of processes whose descriptors it must not read. One
 * that was held until now may have been closed between the dump and the look at its process: the next look at it tells.
 */
function concludeUnseenHolder(step: Step, context: KernelContext, entry: Entry, endUs: number): void {
  const { ownership, socket } = entry;
  if (!socket.polled) {
    return;
  }
  if (ownership.type === 'process') {
    entry.unheldAsOfUs = endUs + 1;
    step.state.unheld.add(entry.key);
  } else if (ownership.type === 'pending') {
    setOwnership(step.state, entry, releasedOwnership(ownership, socket));
    updateRecord(step, entry, context, endUs);
  }
}

/** A complete sweep has found no descriptor of this socket. */
function concludeUnswept(step: Step, context: KernelContext, entry: Entry, sweep: RunningPass): void {
  const { state } = step;
  if (entry.socket.untrusted) {
    // A timer raised suspicion; the sweep, which looks at every socket, found it healthy, or it is gone.
    if (isDue(entry, sweep.beginUs)) {
      forget(state, entry, sweep.beginUs);
    }
    return;
  }
  if (entry.socket.polled && entry.marked) {
    miss(state, entry, sweep.beginUs, sweep.beginUs); // a dump meets orphans and sockets without an owner too
    return;
  }
  if (entry.missing !== null) {
    entry.missing.goneAtUs ??= entry.missing.sinceUs <= sweep.beginUs ? goneAtUs(entry, context, sweep.beginUs) : null;
  }
  if (entry.ownership.type === 'process' || entry.ownership.type === 'pending') {
    entry.unheldAsOfUs = sweep.beginUs;
    state.unheld.add(entry.key);
  }
}

/**
 * When the sensor must have reported a socket that it does not observe yet and that sweeps do not see. Without a
 * descriptor, what a process had left behind lives on and is reported as it retransmits.
 */
function goneAtUs(entry: Entry, context: KernelContext, beginUs: number): number {
  const { socket } = entry;
  if (socket.state === TCP_STATE.SYN_SENT && needsSweep(socket)) {
    return beginUs; // close() ends a connection attempt at once: it leaves nothing behind.
  }
  const rtoUs = runningRtoJiffies(socket, context.ticks.hz) * tickUs(context.ticks);
  const nextUs = nextRetransmissionUs(socket, beginUs, context.ticks) ?? beginUs + RTOS_TO_THRESHOLD * rtoUs;
  return nextUs + rtoUs / 8 + RETRANSMISSION_SLACK_US;
}

function* concludeRefresh(first: Step, context: KernelContext, refresh: RunningPass, endUs: number): Pieces {
  const { state } = first;
  state.refreshedUs = Math.max(state.refreshedUs, refresh.beginUs);
  const step = yield* inPieces(first, [...state.due], (at, key) => {
    const entry = state.entries.get(key);
    if (entry?.marked === true && isDue(entry, refresh.beginUs)) {
      openRecord(at, entry, context, refresh.beginUs);
    }
  });
  if (refresh.kind !== 'refresh_full') {
    return step;
  }
  return yield* inPieces(step, state.entries.values(), (_, entry) => {
    if (entry.marked && entry.socket.monoUs < refresh.beginUs) {
      // Polling raises no event, which might still be on its way.
      miss(state, entry, refresh.beginUs, entry.socket.polled ? refresh.beginUs : endUs + EVENT_LAG_US);
    }
  });
}

function miss(state: TrackerState, entry: Entry, sinceUs: number, goneAtUs: number): void {
  entry.marked = false;
  entry.missing = { sinceUs, goneAtUs };
  state.missing.add(entry.key);
}

function isDue(entry: Entry, asOfUs: number): boolean {
  const qualifiesAtUs = entry.candidate?.qualifiesAtUs ?? null;
  return qualifiesAtUs !== null && qualifiesAtUs <= asOfUs;
}

/** Takes into account that nobody holds a socket, once the socket itself was seen after that. */
function concludeUnheld(step: Step, context: KernelContext, key: string, endUs: number): void {
  const { state } = step;
  const entry = state.entries.get(key);
  if (entry?.unheldAsOfUs === null || entry === undefined) {
    state.unheld.delete(key);
  } else if (knownAsOfUs(state, entry) >= entry.unheldAsOfUs) {
    learnOwnership(state, entry);
    updateRecord(step, entry, context, endUs);
  } else if (entry.marked) {
    requestPass(step, 'refresh');
  }
}

/** Ends what the sensor should have reported by now. */
function concludeMissing(step: Step, key: string, pass: RunningPass): void {
  const { state } = step;
  const entry = state.entries.get(key);
  const goneUs = entry?.missing?.goneAtUs ?? null;
  if (entry === undefined || goneUs === null || pass.beginUs < goneUs) {
    return;
  }
  if (entry.open === null) {
    forget(state, entry, pass.beginUs);
  } else {
    endUnseen(step, entry, entry.missing?.visit ?? null, pass.beginUs);
  }
}

/** @param visit the first one that found it closed; null if none did. */
function endUnseen(step: Step, entry: Entry, visit: SocketSnapshot | null, nowUs: number): void {
  const { open, socket } = entry;
  if (socket.polled && open !== null) {
    const { outcome, text } = polledEnd(open.kind, polledBefore(step.state, entry), visit, open.record.giveUp, nowUs);
    endRecord(step, entry, outcome, nowUs, { text });
    return;
  }
  const outcome = visit === null || open === null ? null : outcomeOf(open.kind, socket, visit);
  if (visit === null || open === null || outcome === null) {
    endRecord(step, entry, outcomeOfVanished(socket), nowUs);
  } else {
    endRecord(step, entry, outcome, Math.max(visit.monoUs, open.identity.detectedUs), { last: visit });
  }
}

function pruneForgotten(state: TrackerState, beginUs: number): void {
  for (const [key, asOfUs] of state.forgotten) {
    if (asOfUs >= beginUs - REPORT_LAG_US) {
      break;
    }
    state.forgotten.delete(key);
  }
}
