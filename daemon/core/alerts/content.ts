/** What an alert says of its connections at this moment. */
import type { Alert, Severity } from '../alert.js';
import { IS_UNANSWERED } from '../kinds.js';
import type { StuckRecord } from '../record.js';
import type { ConnectionTotals } from '../totals.js';
import { SEVERITY_RANK, type AlertContent, type AlertStep, type Group, type TargetState } from './alert-state.js';
import type { Assessment } from './assess.js';
import type { Target } from './place.js';
import { silencedUntilMs } from './policy.js';

const SAMPLE_MAX = 5;

/** A total that has changed by a smaller share is not told for that alone: in a busy service it changes with every sweep. */
const TOTAL_TOLERANCE = 0.2;

/** Times wander as timers run late; more than this is another time. */
const TIME_TOLERANCE_US = 1_000_000;

/** What is said of one process. */
export function contentOfOne(step: AlertStep, { target }: TargetState, part: Assessment): AlertContent {
  const { group } = part;
  return { ...contentOf(step, target, [part], totalOf(step.totals, target, [group])), process: group.process };
}

/** What is said of several processes as one. @param parts at least one */
export function contentOfAll(step: AlertStep, { target }: TargetState, parts: readonly Assessment[]): AlertContent {
  const groups = parts.map(({ group }) => group);
  return contentOf(step, target, parts, totalOfAll(step.totals, target, groups));
}

function contentOf(step: AlertStep, target: Target, parts: readonly Assessment[], total: number | null): AlertContent {
  const groups = parts.map(({ group }) => group);
  const untilMs = parts.map(({ policy }) => silencedUntilMs(policy, step.nowRealUs / 1000));
  const summed = sumUp(groups);
  return {
    severity: parts.map(({ severity }) => severity).reduce(graver, 'info'),
    process: null,
    processCount: groups.filter(({ process }) => process !== null).length,
    ...summed,
    earliestGiveUpUs: IS_UNANSWERED[target.kind] ? summed.earliestGiveUpUs : null,
    // Totals are of the last sweep, and may be behind.
    totalCount: total === null ? null : Math.max(total, summed.stuckCount),
    // As long as anybody of them is heard, it is.
    silencedUntilMs: untilMs.reduce(earlierOrNone, Infinity),
    receivers: [...new Set(parts.flatMap(({ policy }) => policy.receivers))].sort(),
  };
}

function graver(a: Severity, b: Severity): Severity {
  return SEVERITY_RANK[a] < SEVERITY_RANK[b] ? b : a;
}

function earlierOrNone(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.min(a, b);
}

function sumUp(
  groups: readonly Group[],
): Pick<AlertContent, 'stuckCount' | 'startUs' | 'earliestGiveUpUs' | 'connections'> {
  let stuckCount = 0;
  let giveUpUs = Infinity;
  const sample: StuckRecord[] = [];
  for (const { members } of groups) {
    stuckCount += members.size;
    for (const { record } of members.values()) {
      if (record.giveUp !== null && !record.giveUp.never) {
        giveUpUs = Math.min(giveUpUs, record.giveUp.timeUs);
      }
      insert(sample, record);
    }
  }
  const startUs = sample[0]?.sinceUs ?? 0;
  return { stuckCount, startUs, earliestGiveUpUs: giveUpUs === Infinity ? null : giveUpUs, connections: sample };
}

/** Keeps the oldest, in order. */
function insert(sample: StuckRecord[], record: StuckRecord): void {
  const last = sample[SAMPLE_MAX - 1];
  if (last !== undefined && last.sinceUs <= record.sinceUs) {
    return;
  }
  const at = sample.findIndex(({ sinceUs }) => sinceUs > record.sinceUs);
  sample.splice(at < 0 ? sample.length : at, 0, record);
  sample.splice(SAMPLE_MAX);
}

function totalOfAll(totals: ConnectionTotals, target: Target, groups: readonly Group[]): number | null {
  return target.peer === null ? totalOf(totals, target, groups) : totals.ofPeer(target.peer);
}

function totalOf(totals: ConnectionTotals, { side, peer, localPort }: Target, groups: readonly Group[]): number | null {
  if (side === 'listener') {
    return null;
  }
  let sum = 0;
  for (const { process } of groups) {
    const total = process === null ? null : totalOfProcess(totals, side, process, peer, localPort);
    if (total === null) {
      return null;
    }
    sum += total;
  }
  return sum;
}

function totalOfProcess(
  totals: ConnectionTotals,
  side: Target['side'],
  process: NonNullable<Group['process']>,
  peer: Target['peer'],
  localPort: number,
): number | null {
  if (side === 'inbound') {
    return totals.ofListener(process, localPort);
  }
  return peer === null ? totals.ofProcess(process) : totals.ofDestination(process, peer);
}

/** What is told at once: it decides who hears of the alert, and how loudly. */
export function isUrgentChange(before: AlertContent, now: AlertContent): boolean {
  return (
    before.severity !== now.severity ||
    before.silencedUntilMs !== now.silencedUntilMs ||
    before.receivers.join() !== now.receivers.join()
  );
}

/** Whether a reader would want to know. Counters of the connections in the sample go on by themselves. */
export function isChange(before: AlertContent, now: AlertContent): boolean {
  const [a, b] = [before.earliestGiveUpUs, now.earliestGiveUpUs];
  const isOtherEnd = a === null || b === null ? a !== b : Math.abs(a - b) > TIME_TOLERANCE_US;
  return (
    isOtherEnd ||
    before.stuckCount !== now.stuckCount ||
    isOtherTotal(before, now.totalCount) ||
    before.processCount !== now.processCount ||
    before.process !== now.process ||
    before.connections.map(({ id }) => id).join() !== now.connections.map(({ id }) => id).join()
  );
}

/** Whether what the last sweep has counted is worth an update of an alert. @param group null for one about all of them */
export function isTotalNews(
  { totals }: AlertStep,
  { target, groups }: TargetState,
  alert: Alert,
  group: Group | null,
): boolean {
  const total = group === null ? totalOfAll(totals, target, [...groups.values()]) : totalOf(totals, target, [group]);
  return isOtherTotal(alert, total === null ? null : Math.max(total, alert.stuckCount));
}

/**
 * It is known now, or another by a fifth or more, or it makes all of some or some of all. That it is not known any more is
 * no news of the connections.
 */
function isOtherTotal(
  { stuckCount, totalCount }: Pick<Alert, 'stuckCount' | 'totalCount'>,
  now: number | null,
): boolean {
  if (totalCount === null || now === null) {
    return totalCount === null && now !== null;
  }
  const isAllOrSome = (totalCount === stuckCount) !== (now === stuckCount);
  return isAllOrSome || Math.abs(now - totalCount) >= TOTAL_TOLERANCE * Math.max(now, totalCount);
}
