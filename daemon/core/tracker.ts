/**
 * The tracker: from what the sensor reports to records of stuck connections.
 *
 * A socket is first a suspect. It becomes a record when the rule of its kind is fulfilled, and ends once, with an
 * outcome. Events make this fast; refreshes and sweeps make it right: whatever an event would have told is also told by
 * a later pass. The tracker reads no clock and does no I/O: `step` gets an input and the time, changes the state that it
 * owns, and returns what the shell has to do. Time alone never opens or ends a record: at a deadline the tracker asks for
 * a pass and decides by what the kernel shows then.
 */
import { tickClock } from './jiffies.js';
import type { ObservedSocket } from './observation.js';
import type { StuckRecord } from './record.js';
import { observationOf } from './tracker-lifecycle.js';
import type { CountersReport } from './sensor-records.js';
import type { TrackerEffect, TrackerInput } from './tracker-messages.js';
import { applyHolder, applyPass, applyProcess, finishConclusion, goOn } from './tracker-pass.js';
import { applyRestore, applySensorDown, applySensorUp } from './tracker-restart.js';
import { applyPolled, applySocket, askAboutDue } from './tracker-socket.js';
import { requestPass, socketKey, type KernelContext, type Step, type TrackerState } from './tracker-state.js';

export { saveable } from './tracker-restart.js';

/**
 * Takes one input. Inputs go in in the order in which they arrive.
 * @param state changed in place.
 * @param nowUs CLOCK_MONOTONIC, microseconds.
 * @returns what follows from it, in order.
 */
export function step(state: TrackerState, input: TrackerInput, nowUs: number): TrackerEffect[] {
  const current: Step = { state, nowUs, effects: [] };
  if (input.type === 'go_on') {
    goOn(current);
  } else if (input.type !== 'tick') {
    finishConclusion(current);
  }
  if (input.type === 'sensor_up') {
    applySensorUp(current, input.kernel, input.clock);
  } else if (input.type === 'sensor_down') {
    applySensorDown(state);
  } else if (input.type === 'restore') {
    applyRestore(current, input.saved);
  } else if (input.type !== 'tick' && input.type !== 'go_on') {
    applyReport(current, input);
  }
  askAboutDue(current);
  return current.effects;
}

/** True if a pass has more to say than fits in one call: `go_on` is due. Any other input but `tick` does all of it first. */
export function isConcluding({ conclusion }: TrackerState): boolean {
  return conclusion !== null;
}

/** @returns when the next `tick` is due, CLOCK_MONOTONIC microseconds; null if no suspect waits for its time. */
export function nextDeadlineUs(state: TrackerState): number | null {
  return state.sensorUp ? state.deadlines.earliestUs() : null;
}

/** @returns the socket of an open record; null if it is not open, or no kernel is known yet. */
export function observed(state: TrackerState, { id, netns, cookie }: StuckRecord): ObservedSocket | null {
  const entry = state.entries.get(socketKey(netns, cookie));
  if (state.context === null || entry?.open?.record.id !== id) {
    return null;
  }
  const { kernel, clock } = state.context;
  return { ...observationOf(entry), kernel, clock };
}

type SensorInput = Exclude<TrackerInput, { type: 'sensor_up' | 'sensor_down' | 'restore' | 'tick' | 'go_on' }>;

function applyReport(current: Step, input: SensorInput): void {
  const { state } = current;
  const { context } = state;
  if (context === null || !state.sensorUp) {
    state.counters.unexpectedIgnored++;
    return;
  }
  switch (input.type) {
    case 'clock':
      state.context = withClock(context, input.clock);
      break;
    case 'counters':
      noteLosses(current, input.counters);
      break;
    case 'socket':
      applySocket(current, context, input.socket);
      break;
    case 'polled':
      applyPolled(current, context, input.polled);
      break;
    case 'process':
      applyProcess(state, input.process);
      break;
    case 'holder':
      applyHolder(state, input.holder);
      break;
    case 'pass':
      applyPass(current, context, input.pass);
      break;
  }
}

/**
 * Of an event that found no room, what is left is reported by the next refresh or sweep; but if it was the end of a socket
 * nothing is, and only a look at all of them shows what is missing.
 */
function noteLosses(current: Step, { ringDropped }: CountersReport): void {
  const { state } = current;
  if (ringDropped > state.ringDropped) {
    requestPass(current, 'refresh_full');
  }
  state.ringDropped = ringDropped;
}

function withClock(context: KernelContext, clock: KernelContext['clock']): KernelContext {
  return { kernel: context.kernel, clock, ticks: tickClock(context.kernel, clock) };
}
