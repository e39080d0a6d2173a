/** Whether the connections of one process to one peer are reason for an alert, and when that may change by itself. */
import type { Severity } from '../alert.js';
import type { KindAlert } from './alert-config.js';
import type { AlertStep, Group, Member, TargetState } from './alert-state.js';
import { policyFor, type Policy } from './policy.js';

/** `pending`: time alone is missing. */
export type Phase = 'idle' | 'pending' | 'active';

export interface Assessment {
  readonly group: Group;
  readonly policy: Policy;
  readonly phase: Phase;
  readonly severity: Severity;
  /** When to look again although nothing happens. */
  readonly wakeUs: number;
}

const MINUTE_US = 60_000_000;

/** So many full minutes must each have brought more, until a number counts as rising. */
const RISING_MINUTES = 3;

/** Whose socket is still being looked up is told of without its process only if that takes long. */
const OWNER_PATIENCE_US = 5_000_000;

/** Totals change with every sweep; whether what is stuck is a large enough share of them need not be asked so often. */
const TOTALS_RECHECK_US = 10_000_000;

export function assess(step: AlertStep, target: TargetState, group: Group): Assessment {
  const { nowUs } = step;
  dropExpired(step, target, group);
  const informational = isInformational(group);
  if (group.facts.informational !== informational) {
    group.facts = { ...group.facts, informational };
    group.policy = null;
  }
  group.policy ??= policyFor(step.state.config, group.facts, target.target.side === 'inbound');
  const { policy } = group;
  const severity = policy.severity ?? (informational ? 'info' : 'warning');
  const { phase, wakeUs } = judge(step, target, group, policy);
  group.activeUs = phase === 'active' ? (group.activeUs ?? nowUs) : null;
  return { group, policy, phase, severity, wakeUs: Math.min(wakeUs, nextExpiryUs(group)) };
}

type Judgement = Pick<Assessment, 'phase' | 'wakeUs'>;

const IDLE: Judgement = { phase: 'idle', wakeUs: Infinity };

function judge(step: AlertStep, target: TargetState, group: Group, { alert }: Policy): Judgement {
  const { nowUs } = step;
  if (!alert.enabled || group.members.size === 0) {
    group.reachedUs = null;
    return IDLE;
  }
  const isFiring = (group.firing ?? target.firing) !== null;
  if (alert.windowMs !== null && isFiring) {
    return { phase: 'active', wakeUs: Infinity }; // as long as one of the events counts
  }
  const rising = alert.rising ? judgeRising(group, alert, isFiring, nowUs) : IDLE;
  if (rising.phase === 'active') {
    return rising;
  }
  const judgement = judgeHeld(step, target, group, isFiring ? sustaining(alert) : alert);
  return { ...judgement, wakeUs: Math.min(judgement.wakeUs, rising.wakeUs) };
}

/** An alert that fires goes on as long as there are enough connections, old or new: those of a pool take turns. */
function sustaining(alert: Policy['alert']): Policy['alert'] {
  return {
    ...alert,
    afterMs: 0,
    forMs: 0,
    informationalAfterMs: alert.informationalAfterMs === null ? null : 0,
    connections: alert.orAfterMs === null ? alert.connections : 1,
  };
}

/** Enough connections, each for long enough, and all of that for long enough. */
function judgeHeld({ nowUs, totals }: AlertStep, target: TargetState, group: Group, alert: Policy['alert']): Judgement {
  const conditionUs = fulfilledUs(group, alert);
  if (conditionUs > nowUs) {
    group.reachedUs = null;
    return conditionUs === Infinity ? IDLE : { phase: 'pending', wakeUs: conditionUs };
  }
  const total = group.process === null ? null : totals.ofListener(group.process, target.target.localPort);
  if (alert.share > 0 && total !== null && group.members.size < alert.share * total) {
    group.reachedUs = null;
    group.minorUs = nowUs;
    return { phase: 'idle', wakeUs: nowUs + TOTALS_RECHECK_US };
  }
  // Those that made up the number earlier may have gone since: what was reached stays reached.
  group.reachedUs = Math.min(group.reachedUs ?? Infinity, Math.max(conditionUs, group.minorUs));
  const heldUs = group.reachedUs + alert.forMs * 1000;
  return heldUs > nowUs ? { phase: 'pending', wakeUs: heldUs } : { phase: 'active', wakeUs: Infinity };
}

/** @returns when the connections that are there fulfil the rule, in the past or to come; Infinity: never. */
function fulfilledUs({ members }: Group, alert: KindAlert): number {
  const dueUs: number[] = [];
  let firstUs = Infinity;
  for (const member of members.values()) {
    const { informational, ownerType } = member.record;
    const leastMs = informational ? alert.informationalAfterMs : 0;
    if (leastMs !== null) {
      const patienceUs = ownerType === 'pending' ? OWNER_PATIENCE_US : 0;
      dueUs.push(member.sinceUs + Math.max(patienceUs, Math.max(leastMs, alert.afterMs) * 1000));
      firstUs = Math.min(firstUs, informational ? Infinity : member.sinceUs);
    }
  }
  const aloneUs = alert.orAfterMs === null ? Infinity : firstUs + alert.orAfterMs * 1000;
  return Math.min(aloneUs, smallest(dueUs, alert.connections));
}

/** @returns the `ordinal`-th of them in ascending order, Infinity if there are not so many. */
function smallest(values: number[], ordinal: number): number {
  if (ordinal === 1) {
    return values.reduce((least, value) => Math.min(least, value), Infinity);
  }
  return values.sort((a, b) => a - b)[ordinal - 1] ?? Infinity;
}

/** A leak grows minute by minute. Once it has fired, the number alone decides: a pause in its growth is no recovery. */
function judgeRising(group: Group, { connections }: KindAlert, isFiring: boolean, nowUs: number): Judgement {
  const { members, minutes } = group;
  if (nowUs >= group.nextMinuteUs) {
    minutes.push(members.size);
    minutes.splice(0, minutes.length - RISING_MINUTES - 1);
    group.nextMinuteUs = nowUs + MINUTE_US;
  }
  const hasGrown = minutes.every((count, index) => index === 0 || count > (minutes[index - 1] ?? 0));
  const isRising = isFiring || (minutes.length > RISING_MINUTES && hasGrown);
  const isActive = isRising && members.size >= connections;
  return { phase: isActive ? 'active' : 'idle', wakeUs: group.nextMinuteUs };
}

function isInformational({ members }: Group): boolean {
  for (const { record } of members.values()) {
    if (!record.informational) {
      return false;
    }
  }
  return members.size > 0;
}

/** Events come in the order in which they cease to count. */
function dropExpired({ state, nowUs }: AlertStep, target: TargetState, { members }: Group): void {
  for (const member of members.values()) {
    if (member.expiresUs > nowUs) {
      return;
    }
    members.delete(member.id);
    target.memberCount--;
    state.places.delete(member.id);
  }
}

function nextExpiryUs({ members }: Group): number {
  const first: Member | undefined = members.values().next().value;
  return first?.expiresUs ?? Infinity;
}
