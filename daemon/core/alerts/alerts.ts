/**
 * The alert rules: from records of stuck connections to what a person is told.
 *
 * Records belong to groups (a process, a kind, a peer or a port), groups to targets (a kind, a peer or a port). A change
 * only marks its target; some moments later, and whenever time alone may decide something, the target is looked at as a
 * whole. So a storm costs little, and is told once. As the tracker, this reads no clock and does no I/O.
 */
import type { AlertEffect, AlertInput } from './alert-messages.js';
import type { AlertState, AlertStep, Firing, Group, Surroundings, TargetState } from './alert-state.js';
import { wakeBy } from './alert-state.js';
import { isTotalNews } from './content.js';
import { evaluate } from './evaluate.js';
import { takeRecord } from './membership.js';
import { restoreAlerts } from './restore.js';

/**
 * Takes one input. Inputs go in in the order in which they arrive.
 * @param state changed in place.
 * @returns what follows from it, in order.
 */
export function step(state: AlertState, input: AlertInput, surroundings: Surroundings): AlertEffect[] {
  const current: AlertStep = { ...surroundings, state, effects: [] };
  switch (input.type) {
    case 'record':
      takeRecord(current, input.change, input.workload);
      break;
    case 'tick':
      break;
    case 'counted':
      wakeForTotals(current);
      break;
    case 'configure':
      state.config = input.config;
      forgetPolicies(state);
      wakeAll(current);
      break;
    case 'restore':
      restoreAlerts(current, input.saved, input.isSameBoot);
      break;
    case 'settled':
      state.settled = true;
      wakeAll(current);
      break;
  }
  evaluateDue(current);
  return current.effects;
}

/** @returns when the next `tick` is due, CLOCK_MONOTONIC microseconds; null if nothing waits for its time. */
export function nextDeadlineUs(state: AlertState): number | null {
  return state.deadlines.earliestUs();
}

function evaluateDue(current: AlertStep): void {
  const { state, nowUs } = current;
  const due: TargetState[] = [];
  for (let key = state.deadlines.popDue(nowUs); key !== null; key = state.deadlines.popDue(nowUs)) {
    const target = state.targets.get(key);
    if (target !== undefined) {
      due.push(target);
    }
  }
  // Each asks for a later look, so that one pass over those that were due is all.
  for (const target of due) {
    evaluate(current, target);
  }
}

function forgetPolicies({ targets }: AlertState): void {
  for (const { groups } of targets.values()) {
    for (const group of groups.values()) {
      group.policy = null;
    }
  }
}

/** Only what fires, and of that only what a reader would be told otherwise, no sooner than it may be told. */
function wakeForTotals(step: AlertStep): void {
  const { state } = step;
  for (const target of state.targets.values()) {
    const about = (group: Group | null, firing: Firing | null): void => {
      if (firing?.lapsedUs === null && isTotalNews(step, target, firing.alert, group)) {
        wakeBy(state, target, Math.max(step.nowUs, firing.toldUs + state.config.updateIntervalMs * 1000));
      }
    };
    about(null, target.firing);
    for (const group of target.groups.values()) {
      about(group, group.firing);
    }
  }
}

function wakeAll({ state, nowUs }: AlertStep): void {
  for (const target of state.targets.values()) {
    wakeBy(state, target, nowUs);
  }
}
