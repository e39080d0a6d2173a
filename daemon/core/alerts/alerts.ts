/**
 * The alert rules: from records of stuck connections to what a person is told.
 *
 * Records belong to groups (a process, a kind, a peer or a port), groups to targets (a kind, a peer or a port). A change
 * only marks its target; some moments later, and whenever time alone may decide something, the target is looked at as a
 * whole. So a storm costs little, and is told once. As the tracker, this reads no clock and does no I/O.
 */
import type { AlertEffect, AlertInput } from './alert-messages.js';
import type { AlertState, AlertStep, Crowd, Firing, Group, Surroundings, TargetState } from './alert-state.js';
import { wakeBy } from './alert-state.js';
import { isOtherTotal, isTotalNews, totalOfCrowd } from './content.js';
import { partsTold, wakeCrowdBy } from './crowd.js';
import { evaluate } from './evaluate.js';
import { evaluateCrowd } from './evaluate-crowd.js';
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

/** Targets have crowds looked at, which may begin or end, and then have targets looked at. Each else asks for a later look. */
const ROUNDS_MAX = 4;

function evaluateDue(current: AlertStep): void {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if ((current.state.deadlines.earliestUs() ?? Infinity) > current.nowUs) {
      return; // as after nearly every change of a record
    }
    const { targets, crowds } = takeDue(current);
    evaluate(current, targets);
    for (const crowd of crowds) {
      evaluateCrowd(current, crowd);
    }
  }
}

function takeDue({ state, nowUs }: AlertStep): { targets: TargetState[]; crowds: Crowd[] } {
  const targets: TargetState[] = [];
  const crowds: Crowd[] = [];
  for (let key = state.deadlines.popDue(nowUs); key !== null; key = state.deadlines.popDue(nowUs)) {
    const target = state.targets.get(key);
    const crowd = state.crowds.get(key);
    if (target !== undefined) {
      targets.push(target);
    } else if (crowd !== undefined) {
      crowds.push(crowd);
    }
  }
  return { targets, crowds };
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
  for (const crowd of state.crowds.values()) {
    const { firing } = crowd;
    if (firing?.lapsedUs === null && isOtherTotal(firing.alert, totalOfCrowd(step, partsTold(crowd)))) {
      wakeCrowdBy(state, crowd, Math.max(step.nowUs, firing.toldUs + state.config.updateIntervalMs * 1000));
    }
  }
}

function wakeAll({ state, nowUs }: AlertStep): void {
  for (const target of state.targets.values()) {
    wakeBy(state, target, nowUs);
  }
  for (const crowd of state.crowds.values()) {
    wakeCrowdBy(state, crowd, nowUs);
  }
}
