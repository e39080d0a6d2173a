/**
 * Looks at all groups of one kind and one peer or port, and decides what is told of them: an alert for each process, or,
 * from a number of processes on, one for all. What one of them says the other does not say again.
 */
import { endpointWords } from '../format-words.js';
import { wakeBy, type AlertStep, type Group, type TargetState } from './alert-state.js';
import { assess, type Assessment } from './assess.js';
import { contentOfAll, contentOfOne } from './content.js';
import { fingerprintOf } from './fingerprint.js';
import { dampingUs, fire, lapse, resolve, sustain } from './firing.js';
import type { Target } from './place.js';
import { workloadIdentity } from './workload-identity.js';

/** There was no room for an alert: others end meanwhile. */
const ROOM_RECHECK_US = 10_000_000;

export function evaluate(step: AlertStep, target: TargetState): void {
  const { state } = step;
  target.wakeUs = Infinity;
  const all = [...target.groups.values()].map((group) => assess(step, target, group));
  const wakeUs = all.reduce((earliest, part) => Math.min(earliest, part.wakeUs), decide(step, target, all));
  for (const { group } of all) {
    if (group.members.size === 0 && group.firing === null) {
      target.groups.delete(group.subject);
    }
  }
  if (target.groups.size === 0 && target.firing === null) {
    state.targets.delete(target.target.key);
    state.deadlines.delete(target.target.key);
  } else if (wakeUs < Infinity) {
    wakeBy(state, target, wakeUs);
  }
}

/** @returns when to look again. */
function decide(step: AlertStep, target: TargetState, all: readonly Assessment[]): number {
  const contenders = all.filter(({ phase }) => phase !== 'idle');
  const active = all.filter(({ phase }) => phase === 'active');
  target.activeUs = active.length === 0 ? null : (target.activeUs ?? step.nowUs);
  target.suppressed &&= active.length > 0;
  if (target.firing !== null) {
    return liveAsOne(step, target, all, contenders, active.length > 0);
  }
  if (!areMany(step, target.target, active.length > 0 && isAnyFiring(all) ? active : contenders)) {
    return liveAlone(step, target, all, 'damped');
  }
  const wakeUs = active.length === 0 ? Infinity : collapse(step, target, contenders);
  return Math.min(wakeUs, liveAlone(step, target, all, 'none new'));
}

function isAnyFiring(parts: readonly Assessment[]): boolean {
  return parts.some(({ group }) => group.firing !== null);
}

function countProcesses(parts: readonly Assessment[]): number {
  return parts.filter(({ group }) => group.process !== null).length;
}

/** What only its number in one process makes a problem has nothing in common with that of another process. */
function areMany({ state: { config } }: AlertStep, { side }: Target, parts: readonly Assessment[]): boolean {
  return side !== 'process' && config.collapseProcesses > 0 && countProcesses(parts) >= config.collapseProcesses;
}

/** Half as many: so that one process more or less does not turn one alert into several and back. */
function areFew({ state: { config } }: AlertStep, parts: readonly Assessment[]): boolean {
  const few = Math.max(2, Math.ceil(config.collapseProcesses / 2));
  return config.collapseProcesses === 0 || countProcesses(parts) < few;
}

/** Begins the one alert, which takes the place of those that fire. @returns when to look again. */
function collapse(step: AlertStep, target: TargetState, contenders: readonly Assessment[]): number {
  const { state, nowUs } = step;
  const { kind, key } = target.target;
  const fingerprint = fingerprintOf([kind, 'all', whereWords(target)]);
  const delayUs = isAnyFiring(contenders) ? 0 : dampingUs(state, fingerprint, nowUs);
  const readyUs = (target.activeUs ?? nowUs) + delayUs;
  if (nowUs < readyUs) {
    return readyUs;
  }
  const content = contentOfAll(step, target, contenders);
  target.firing = fire(step, target, { fingerprint, key }, content);
  if (target.firing === null) {
    state.counters.alertsRefused += target.suppressed ? 0 : 1;
    target.suppressed = true;
    return nowUs + ROOM_RECHECK_US;
  }
  target.suppressed = false;
  for (const { group } of contenders) {
    if (group.firing !== null) {
      resolve(step, group.firing, false);
      group.firing = null;
    }
  }
  return sustain(step, target.firing, content);
}

function liveAsOne(
  step: AlertStep,
  target: TargetState,
  all: readonly Assessment[],
  contenders: readonly Assessment[],
  isActive: boolean,
): number {
  const { state, nowUs } = step;
  const { firing } = target;
  if (firing === null) {
    return Infinity;
  }
  const keepMs = keepFiringMs(step, target);
  if (!isActive) {
    return lapse(step, firing, keepMs) ?? end(step, target, true);
  }
  target.fewUs = state.settled && areFew(step, contenders) ? (target.fewUs ?? nowUs) : null;
  const separateUs = target.fewUs === null ? Infinity : target.fewUs + keepMs * 1000;
  if (nowUs < separateUs) {
    return Math.min(separateUs, sustain(step, firing, contentOfAll(step, target, contenders)));
  }
  end(step, target, false);
  return liveAlone(step, target, all, 'at once');
}

function end(step: AlertStep, target: TargetState, isEnd: boolean): number {
  if (target.firing !== null) {
    resolve(step, target.firing, isEnd);
    target.firing = null;
    target.fewUs = null;
  }
  return Infinity;
}

/** What may begin to fire: what has not fired lately, nothing, or all, since it has been firing in another form. */
type Beginning = 'damped' | 'none new' | 'at once';

function liveAlone(step: AlertStep, target: TargetState, parts: readonly Assessment[], beginning: Beginning): number {
  return parts.reduce((earliest, part) => Math.min(earliest, liveOne(step, target, part, beginning)), Infinity);
}

function liveOne(step: AlertStep, target: TargetState, part: Assessment, beginning: Beginning): number {
  const { group } = part;
  if (part.phase === 'active') {
    if (group.firing !== null) {
      return sustain(step, group.firing, contentOfOne(step, target, part));
    }
    return beginning === 'none new' ? Infinity : begin(step, target, part, beginning === 'damped');
  }
  group.suppressed = false;
  if (group.firing === null) {
    return Infinity;
  }
  const wakeUs = lapse(step, group.firing, keepFiringMs(step, target));
  if (wakeUs === null) {
    resolve(step, group.firing, true);
    group.firing = null;
  }
  return wakeUs ?? Infinity;
}

function begin(step: AlertStep, target: TargetState, part: Assessment, isDamped: boolean): number {
  const { state, nowUs } = step;
  const { group } = part;
  const fingerprint = fingerprintOfGroup(target, group);
  const readyUs = (group.activeUs ?? nowUs) + (isDamped ? dampingUs(state, fingerprint, nowUs) : 0);
  if (nowUs < readyUs) {
    return readyUs;
  }
  const content = contentOfOne(step, target, part);
  group.firing = fire(step, target, { fingerprint, key: `${target.target.key} ${group.subject}` }, content);
  if (group.firing !== null) {
    group.suppressed = false;
    return sustain(step, group.firing, content);
  }
  state.counters.alertsRefused += group.suppressed ? 0 : 1;
  group.suppressed = true;
  return nowUs + ROOM_RECHECK_US;
}

/** Of events, the time for which they count is what an alert outlasts them by. */
function keepFiringMs({ state: { config } }: AlertStep, { target }: TargetState): number {
  return config.kinds[target.kind].windowMs === null ? config.keepFiringForMs : 0;
}

/** No pid is in it, and no name that is good on this node only. */
function fingerprintOfGroup(target: TargetState, { ownerType, facts }: Group): string {
  return fingerprintOf([
    target.target.kind,
    ownerType,
    facts.executable,
    workloadIdentity(facts.workload),
    whereWords(target),
  ]);
}

function whereWords({ target: { peer, localPort, side } }: TargetState): string {
  return peer === null ? `${side} ${localPort}` : endpointWords(peer);
}
