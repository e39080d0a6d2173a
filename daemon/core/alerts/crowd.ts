/**
 * Crowds: what one process has to do with many peers in the same way. When a node loses its way out, a crawler or a mail
 * relay has a thousand dead peers, and one cause. Another process of the same program may have other business.
 */
import type { StuckKind } from '../kinds.js';
import type { AlertConfig } from './alert-config.js';
import type { AlertState, AlertStep, Assessment, Crowd, CrowdPart, Group, TargetState } from './alert-state.js';

/** What happens within this time is looked at together, and the longer the more there is to look at. */
const GATHER_US = 250_000;
const GATHER_PER_PART_US = 20;

/** @returns the crowd of this name, which is made if there is none. */
export function crowdFor(state: AlertState, key: string, kind: StuckKind): Crowd {
  const known = state.crowds.get(key);
  if (known !== undefined) {
    return known;
  }
  const fresh: Crowd = {
    ...{ key, kind, parts: new Map<Group, CrowdPart>() },
    ...{ contending: 0, active: 0, told: 0, wakeUs: Infinity },
    ...{ firing: null, crowdedUs: null, fewUs: null, suppressed: false },
  };
  state.crowds.set(key, fresh);
  return fresh;
}

/** Whether there are enough peers for one alert, some of which are reason for one. */
export function isCrowded({ collapsePeers }: AlertConfig, { contending, active, told }: Crowd): boolean {
  // Where some are told of already, those that may come to nothing do not count.
  return collapsePeers > 0 && active > 0 && (told > 0 ? active : contending) >= collapsePeers;
}

/** Half as many: so that one peer more or less does not turn one alert into many and back. */
export function isSparse({ collapsePeers }: AlertConfig, { contending }: Crowd): boolean {
  return collapsePeers === 0 || contending < Math.max(2, Math.ceil(collapsePeers / 2));
}

/** Takes a part as it is now. Only connections to a peer have one. */
export function joinCrowd(step: AlertStep, target: TargetState, part: Assessment): void {
  const { group } = part;
  const { kind, side } = target.target;
  if (side !== 'outbound' || group.members.size === 0) {
    leaveCrowd(step, group);
    return;
  }
  const key = `${kind} peers of ${group.subject}`;
  if (group.crowd?.key !== key) {
    leaveCrowd(step, group);
    group.crowd = crowdFor(step.state, key, kind);
  }
  const { crowd } = group;
  count(crowd, crowd.parts.get(group), -1);
  const now: CrowdPart = { target, part, isTold: (group.firing ?? target.firing) !== null };
  crowd.parts.set(group, now);
  count(crowd, now, 1);
}

export function leaveCrowd(step: AlertStep, group: Group): void {
  const { crowd } = group;
  if (crowd === null) {
    return;
  }
  count(crowd, crowd.parts.get(group), -1);
  crowd.parts.delete(group);
  group.crowd = null;
  wakeCrowd(step, crowd);
  forgetIfEmpty(step.state, crowd);
}

function count(crowd: Crowd, part: CrowdPart | undefined, sign: 1 | -1): void {
  const phase = part?.part.phase ?? 'idle';
  crowd.contending += phase === 'idle' ? 0 : sign;
  crowd.active += phase === 'active' ? sign : 0;
  crowd.told += part?.isTold === true ? sign : 0;
}

/** Those that its alert is about. */
export function partsTold({ parts }: Crowd): CrowdPart[] {
  return [...parts.values()].filter(({ part }) => part.phase !== 'idle');
}

export function forgetIfEmpty(state: AlertState, crowd: Crowd): void {
  if (crowd.parts.size === 0 && crowd.firing === null) {
    state.crowds.delete(crowd.key);
    state.deadlines.delete(crowd.key);
  }
}

/** A part may have changed: its crowd is looked at, at once if it may have to begin. */
export function wakeCrowd({ state, nowUs }: AlertStep, crowd: Crowd): void {
  if (crowd.firing !== null) {
    wakeCrowdBy(state, crowd, nowUs + Math.max(GATHER_US, crowd.parts.size * GATHER_PER_PART_US));
  } else if (isCrowded(state.config, crowd)) {
    wakeCrowdBy(state, crowd, nowUs);
  } else {
    crowd.crowdedUs = null;
    crowd.suppressed = false;
  }
}

/** Makes sure that a crowd is looked at no later than this. */
export function wakeCrowdBy({ deadlines }: AlertState, crowd: Crowd, timeUs: number): void {
  if (timeUs < crowd.wakeUs) {
    crowd.wakeUs = timeUs;
    deadlines.set(crowd.key, timeUs);
  }
}
