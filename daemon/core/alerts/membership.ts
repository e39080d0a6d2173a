/** Which records count for which alert, as they open, change and end. */
import type { AlertProcess } from '../alert.js';
import type { RecordChange } from '../ports.js';
import type { StuckRecord } from '../record.js';
import type { Workload } from '../workload.js';
import { wakeBy, type AlertState, type AlertStep, type Group, type Member, type TargetState } from './alert-state.js';
import type { AlertFacts } from './alert-match.js';
import { placeOf, type Place, type Target } from './place.js';
import { isSameWorkload } from './workload-identity.js';

/** What happens within this time is looked at together: a storm, above all, before it is decided who is told of what. */
const GATHER_US = 250_000;

/** And the longer the more there is to look at, so that many changes of many connections cost a share of the time only. */
const GATHER_PER_MEMBER_US = 20;

/** Of one group; what comes further changes nothing about its alert. */
const EVENTS_MAX = 1000;

export function takeRecord(step: AlertStep, change: RecordChange, workload: Workload | null): void {
  const { record } = change;
  if (change.kind === 'ended' && record.kind !== 'stale_reuse') {
    leave(step, record.id);
    return;
  }
  const at = step.state.places.get(record.id);
  const member = at?.group.members.get(record.id);
  if (at === undefined || member === undefined) {
    if (change.kind !== 'ended' && !join(step, record, workload, record.detectedUs)) {
      // A record that found no room tries again whenever it changes; it is one record all the time.
      step.state.counters.membersRefused += change.kind === 'opened' ? 1 : 0;
    }
    return;
  }
  const isSameSort = record.kind === member.record.kind && record.informational === member.record.informational;
  const sinceUs = isSameSort ? member.sinceUs : change.timeUs;
  const place = placeOf(record, workload);
  if (place.target.key !== at.target.target.key || place.subject !== at.group.subject) {
    leave(step, record.id);
    join(step, record, workload, sinceUs);
    return;
  }
  member.record = record;
  member.sinceUs = sinceUs;
  learn(at.group, record, workload);
  gather(step, at.target);
}

/** @returns whether there was room. */
function join(step: AlertStep, record: StuckRecord, workload: Workload | null, sinceUs: number): boolean {
  const { state } = step;
  if (state.places.size >= state.config.maxMembers) {
    return false;
  }
  const place = placeOf(record, workload);
  const target = targetFor(state, place.target);
  const group = groupFor(target, place, record, workload);
  const { windowMs } = state.config.kinds[record.kind];
  if (windowMs !== null && group.members.size >= EVENTS_MAX) {
    return false;
  }
  const expiresUs = windowMs === null ? Infinity : (record.endUs ?? record.detectedUs) + windowMs * 1000;
  const member: Member = { id: record.id, record, sinceUs, expiresUs };
  group.members.set(record.id, member);
  target.memberCount++;
  state.places.set(record.id, { target, group });
  learn(group, record, workload);
  gather(step, target);
  return true;
}

function leave(step: AlertStep, id: string): void {
  const at = step.state.places.get(id);
  if (at !== undefined) {
    step.state.places.delete(id);
    at.group.members.delete(id);
    at.target.memberCount--;
    gather(step, at.target);
  }
}

function gather({ state, nowUs }: AlertStep, target: TargetState): void {
  wakeBy(state, target, nowUs + Math.max(GATHER_US, target.memberCount * GATHER_PER_MEMBER_US));
}

export function targetFor(state: AlertState, target: Target): TargetState {
  const known = state.targets.get(target.key);
  if (known !== undefined) {
    return known;
  }
  const fresh: TargetState = {
    target,
    groups: new Map(),
    memberCount: 0,
    wakeUs: Infinity,
    firing: null,
    activeUs: null,
    fewUs: null,
    suppressed: false,
  };
  state.targets.set(target.key, fresh);
  return fresh;
}

function groupFor(target: TargetState, { subject }: Place, record: StuckRecord, workload: Workload | null): Group {
  const known = target.groups.get(subject);
  return known ?? addGroup(target, subject, factsOf(target.target, record, workload), null);
}

export function addGroup(target: TargetState, subject: string, facts: AlertFacts, process: AlertProcess | null): Group {
  const group: Group = {
    subject,
    members: new Map(),
    facts,
    process,
    ownerType: process === null ? 'unknown' : 'process',
    policy: null,
    reachedUs: null,
    minorUs: -Infinity,
    uncountedUs: null,
    activeUs: null,
    minutes: [],
    nextMinuteUs: 0,
    suppressed: false,
    resumes: false,
    firing: null,
    crowd: null,
  };
  target.groups.set(subject, group);
  return group;
}

/** Names and pods may become known, and a program may start another one in its place. */
function learn(group: Group, record: StuckRecord, workload: Workload | null): void {
  const { facts, process } = group;
  const { owner, ownerType } = record;
  group.ownerType = ownerType;
  if (ownerType !== 'process' || owner === null) {
    group.process = null;
    learnProgram(group, record.lastOwner?.executable ?? '', workload);
    return;
  }
  const { pid, startBootUs, comm, executable } = owner;
  const isSame = facts.executable === executable && isSameWorkload(facts.workload, workload);
  if (!isSame) {
    group.facts = { ...facts, executable, workload };
    group.policy = null;
  }
  if (!isSame || process?.comm !== comm) {
    group.process = { pid, startBootUs, comm, executable, workload };
  }
}

/** Orphans of several processes, and of pods of one sort, are one group: what was known first stays, lest it changes to and fro. */
function learnProgram(group: Group, executable: string, workload: Workload | null): void {
  const { facts } = group;
  if ((facts.executable === '' && executable !== '') || (facts.workload === null && workload !== null)) {
    group.facts = { ...facts, executable: facts.executable || executable, workload: facts.workload ?? workload };
    group.policy = null;
  }
}

function factsOf(target: Target, record: StuckRecord, workload: Workload | null): AlertFacts {
  return factsAbout(target, (record.owner ?? record.lastOwner)?.executable ?? '', workload);
}

export function factsAbout(
  { kind, peer, localPort }: Target,
  executable: string,
  workload: Workload | null,
): AlertFacts {
  return { kind, executable, workload, peer, port: peer?.port ?? localPort, informational: false };
}
