/**
 * Looks at all groups of one kind and one peer or port, and decides what is told of them: an alert for each process, or,
 * from a number of processes on, one for all. What one of them says the other does not say again; nor does either say what
 * is told of one process and many peers (`evaluate-crowd.ts`).
 */
import { endpointWords } from '../format-words.js';
import { wakeBy, type AlertStep, type Assessment, type Group, type TargetState } from './alert-state.js';
import { assess } from './assess.js';
import { contentOfAll, contentOfOne } from './content.js';
import { isCrowded, joinCrowd, wakeCrowd } from './crowd.js';
import { fingerprintOf } from './fingerprint.js';
import { dampingUs, fire, keepFiringMs, lapse, resolve, ROOM_RECHECK_US, sustain } from './firing.js';
import type { Target } from './place.js';
import { workloadIdentity } from './workload-identity.js';

/** @param targets those that may have changed: all are looked at before anything is told of one of them. */
export function evaluate(step: AlertStep, targets: readonly TargetState[]): void {
  const looks = targets.map((target) => ({ target, all: look(step, target) }));
  for (const { target, all } of looks) {
    settle(step, target, all);
  }
}

function look(step: AlertStep, target: TargetState): readonly Assessment[] {
  target.wakeUs = Infinity;
  const all = [...target.groups.values()].map((group) => assess(step, target, group));
  for (const part of all) {
    joinCrowd(step, target, part);
  }
  return all;
}

function settle(step: AlertStep, target: TargetState, all: readonly Assessment[]): void {
  const { state } = step;
  const wakeUs = all.reduce((earliest, part) => Math.min(earliest, part.wakeUs), decide(step, target, all));
  for (const part of all) {
    const { group } = part;
    group.resumes = false;
    joinCrowd(step, target, part);
    if (group.crowd !== null) {
      wakeCrowd(step, group.crowd);
    }
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
  const own = all.filter((part) => !isToldByCrowd(step, part));
  const contenders = own.filter(({ phase }) => phase !== 'idle');
  const active = own.filter(({ phase }) => phase === 'active');
  target.activeUs = active.length === 0 ? null : (target.activeUs ?? step.nowUs);
  target.suppressed &&= active.length > 0;
  if (target.firing !== null) {
    const isTaken = contenders.length === 0 && own.length < all.length;
    return isTaken ? end(step, target, false) : liveAsOne(step, target, own, contenders, active.length > 0);
  }
  const free = contenders.filter((part) => !isHeldBack(step, part));
  const certain = active.length > 0 && isAnyFiring(own) ? free.filter(({ phase }) => phase === 'active') : free;
  if (!areMany(step, target.target, certain)) {
    return liveAlone(step, target, own, 'damped');
  }
  const wakeUs = active.length === 0 ? Infinity : collapse(step, target, free);
  return Math.min(wakeUs, liveAlone(step, target, own, 'none new'));
}

/** Its crowd has an alert, which takes the place of its own. */
function isToldByCrowd(step: AlertStep, { group, phase }: Assessment): boolean {
  const isTold = phase !== 'idle' && group.crowd !== null && group.crowd.firing !== null;
  if (isTold && group.firing !== null) {
    resolve(step, group.firing, false);
    group.firing = null;
  }
  return isTold;
}

/** Its crowd is about to have an alert: nothing new is told of one peer. */
function isHeldBack({ state }: AlertStep, { group: { crowd } }: Assessment): boolean {
  return crowd !== null && isCrowded(state.config, crowd);
}

function isAnyFiring(parts: readonly Assessment[]): boolean {
  return parts.some(({ group }) => group.firing !== null || group.resumes);
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
  target.firing = fire(step, target.target, { fingerprint, key }, content);
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
  const keepMs = keepFiringMs(step, target.target.kind);
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
    const isHeld = beginning === 'none new' || isHeldBack(step, part);
    return isHeld ? Infinity : begin(step, target, part, beginning === 'damped' && !group.resumes);
  }
  group.suppressed = false;
  if (group.firing === null) {
    return Infinity;
  }
  const wakeUs = lapse(step, group.firing, keepFiringMs(step, target.target.kind));
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
  group.firing = fire(step, target.target, { fingerprint, key: `${target.target.key} ${group.subject}` }, content);
  if (group.firing !== null) {
    group.suppressed = false;
    return sustain(step, group.firing, content);
  }
  state.counters.alertsRefused += group.suppressed ? 0 : 1;
  group.suppressed = true;
  return nowUs + ROOM_RECHECK_US;
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
