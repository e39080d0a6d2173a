/** Restarts of the sensor and of the daemon: what is still stuck keeps its id. */
import { isStandingKind } from './standing.js';
import { tickClock } from './jiffies.js';
import type { GiveUp, StuckRecord } from './record.js';
import type { ClockReport, KernelFacts } from './snapshot.js';
import { admit, endRecord } from './tracker-lifecycle.js';
import type { SavedEntry, SavedState } from './tracker-messages.js';
import { countStuck, socketKey, type Entry, type Step, type TrackerState } from './tracker-state.js';

/** A new sensor observes nothing yet: whatever was stuck must be reported again, by a sweep or as it retransmits. */
export function applySensorUp(step: Step, kernel: KernelFacts, clock: ClockReport): void {
  const { state } = step;
  state.context = { kernel, clock, ticks: tickClock(kernel, clock) };
  state.sensorUp = true;
  state.sensorUpUs = clock.monoUs;
  state.pass = null;
  state.ringDropped = 0;
  state.requested.clear();
  for (const entry of state.entries.values()) {
    awaitReport(step, entry);
  }
  if (state.saved !== null) {
    const saved = state.saved;
    state.saved = null;
    adoptSaved(step, saved, kernel, clock);
  }
}

export function applySensorDown(state: TrackerState): void {
  state.sensorUp = false;
  state.pass = null;
  state.requested.clear();
}

export function applyRestore(step: Step, saved: SavedState): void {
  const { state } = step;
  if (state.sensorUp && state.context !== null) {
    adoptSaved(step, saved, state.context.kernel, state.context.clock);
  } else {
    state.saved = saved;
  }
}

function awaitReport(step: Step, entry: Entry): void {
  const { state, effects, nowUs } = step;
  entry.marked = false;
  entry.lastSweepId = null;
  entry.missing = { sinceUs: nowUs, goneAtUs: null };
  state.missing.add(entry.key);
  entry.watched = entry.open !== null;
  if (entry.watched) {
    effects.push({ type: 'watch', cookie: entry.socket.cookie });
  }
}

function adoptSaved(step: Step, saved: SavedState, kernel: KernelFacts, clock: ClockReport): void {
  if (saved.bootId === kernel.bootId) {
    for (const { record, socket } of saved.entries) {
      const entry = adopt(step, { record, socket });
      if (entry !== null) {
        awaitReport(step, entry);
      }
    }
    return;
  }
  for (const { record, socket } of saved.entries) {
    // The machine was rebooted: no connection survives that. It ended before the clocks of this boot began to run.
    const entry = adopt(step, { record: onClocksOf(record, saved.clock, clock), socket });
    if (entry !== null) {
      endRecord(step, entry, 'lost_track', Math.max(0, entry.open?.identity.detectedUs ?? 0), { isOfOtherBoot: true });
      // Cookies begin anew: the next socket with this one is another.
      step.state.lastIds.delete(entry.key);
    }
  }
}

/** @returns null if the socket is tracked already, or there is no room. */
function adopt(step: Step, { record, socket }: SavedEntry): Entry | null {
  const { state, effects } = step;
  const key = socketKey(record.netns, record.cookie);
  const entry = state.entries.has(key) ? null : admit(state, key, socket);
  if (entry === null) {
    return null;
  }
  const { id, previousId, direction, detectedUs, detectedGiveUp, kind, ownerType, owner, lastOwner } = record;
  const identity = { id, previousId, direction, detectedUs, detectedGiveUp };
  const since = { timeUs: record.sinceUs, atLeast: record.sinceAtLeast };
  entry.ownership = { type: ownerType, owner, lastOwner };
  entry.standing = isStandingKind(kind) ? { kind, since } : null;
  entry.open = { identity, kind, since, record, forecastOf: null };
  countStuck(state, kind, 1);
  state.suspects.delete(key);
  state.counters.restored++;
  effects.push({ type: 'opened', record, timeUs: detectedUs });
  return entry;
}

/** Moves the times of a record from one boot's clocks to another's, so that they stay the same as wall time. */
function onClocksOf(record: StuckRecord, from: ClockReport, to: ClockReport): StuckRecord {
  const monoShift = from.realUs - from.monoUs - (to.realUs - to.monoUs);
  const bootShift = from.realUs - from.bootUs - (to.realUs - to.bootUs);
  const { owner, lastOwner, lastProgressUs } = record;
  return {
    ...record,
    sinceUs: record.sinceUs + monoShift,
    detectedUs: record.detectedUs + monoShift,
    lastProgressUs: lastProgressUs === null ? null : lastProgressUs + monoShift,
    owner: owner && { ...owner, startBootUs: owner.startBootUs + bootShift },
    lastOwner: lastOwner && { ...lastOwner, startBootUs: lastOwner.startBootUs + bootShift },
    giveUp: null,
    detectedGiveUp: record.detectedGiveUp && movedForecast(record.detectedGiveUp, monoShift),
    timeline: record.timeline.map(({ timeUs, text }) => ({ timeUs: timeUs + monoShift, text })),
  };
}

function movedForecast(giveUp: GiveUp, monoShift: number): GiveUp {
  if (giveUp.never) {
    return giveUp;
  }
  const { timeUs, latestTimeUs } = giveUp;
  return {
    ...giveUp,
    timeUs: timeUs + monoShift,
    latestTimeUs: latestTimeUs === null ? null : latestTimeUs + monoShift,
  };
}

/** @returns what must be on disk so that open records keep their ids; null while there is nothing to say. */
export function saveable(state: TrackerState): SavedState | null {
  if (state.context === null) {
    return state.saved;
  }
  const { kernel, clock } = state.context;
  const entries: SavedEntry[] = [];
  for (const { open, socket } of state.entries.values()) {
    if (open !== null) {
      entries.push({ record: open.record, socket });
    }
  }
  return { bootId: kernel.bootId, clock, entries };
}
