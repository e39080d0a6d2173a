/** What an alert says of its connections at this moment. */
import type { Alert, AlertProcess, AlertProgram, Severity } from '../alert.js';
import { IS_UNANSWERED, type StuckKind } from '../kinds.js';
import type { StuckRecord } from '../record.js';
import {
  SEVERITY_RANK,
  type AlertContent,
  type AlertStep,
  type Assessment,
  type CrowdPart,
  type Group,
  type TargetState,
} from './alert-state.js';
import { silencedUntilMs } from './policy.js';
import { totalOfGroups } from './total-of-groups.js';
import { isSameWorkload } from './workload-identity.js';

const SAMPLE_MAX = 5;

/** A total that has changed by a smaller share is not told for that alone: in a busy service it changes with every sweep. */
const TOTAL_TOLERANCE = 0.2;

/** Times wander as timers run late; more than this is another time. */
const TIME_TOLERANCE_US = 1_000_000;

/** What is said of one process. */
export function contentOfOne(step: AlertStep, { target }: TargetState, part: Assessment): AlertContent {
  const { group } = part;
  const total = totalOfGroups(step.totals, target, [group]);
  const whose = { process: group.process, program: group.process === null ? programOf(group) : null };
  return { ...contentOf(step, target.kind, [part], total), ...whose };
}

/** Null: nothing is known of it. */
function programOf({ facts: { executable, workload } }: Group): AlertProgram | null {
  return executable === '' && workload === null ? null : { executable, workload };
}

/** What is said of several processes as one. @param parts at least one */
export function contentOfAll(step: AlertStep, { target }: TargetState, parts: readonly Assessment[]): AlertContent {
  const groups = parts.map(({ group }) => group);
  return contentOf(step, target.kind, parts, totalOfGroups(step.totals, target, groups));
}

/** What is said of one process and many peers as one. @param crowd at least one */
export function contentOfCrowd(step: AlertStep, kind: StuckKind, crowd: readonly CrowdPart[]): AlertContent {
  const parts = crowd.map(({ part }) => part);
  const content = contentOf(step, kind, parts, totalOfCrowd(step, crowd));
  const process = parts[0]?.group.process ?? null;
  return { ...content, process, processCount: process === null ? 0 : 1, peerCount: crowd.length };
}

/** @returns connections to all of its peers; null: not known. */
export function totalOfCrowd(step: AlertStep, crowd: readonly CrowdPart[]): number | null {
  const totals = crowd.map(({ target, part: { group } }) => totalOfGroups(step.totals, target.target, [group]));
  return totals.reduce((sum, each) => (sum === null || each === null ? null : sum + each), 0);
}

function contentOf(
  step: AlertStep,
  kind: StuckKind,
  parts: readonly Assessment[],
  totalCount: number | null,
): AlertContent {
  const groups = parts.map(({ group }) => group);
  const untilMs = parts.map(({ policy }) => silencedUntilMs(policy, step.nowRealUs / 1000));
  const summed = sumUp(groups);
  return {
    severity: parts.map(({ severity }) => severity).reduce(graver, 'info'),
    process: null,
    program: null,
    peerCount: 0,
    processCount: groups.filter(({ process }) => process !== null).length,
    ...summed,
    earliestGiveUpUs: IS_UNANSWERED[kind] ? summed.earliestGiveUpUs : null,
    totalCount,
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
    before.peerCount !== now.peerCount ||
    !isSameProcess(before.process, now.process) ||
    !isSameProgram(before.program, now.program) ||
    before.connections.map(({ id }) => id).join() !== now.connections.map(({ id }) => id).join()
  );
}

function isSameProcess(a: AlertProcess | null, b: AlertProcess | null): boolean {
  if (a === null || b === null || a === b) {
    return a === b;
  }
  return a.pid === b.pid && a.startBootUs === b.startBootUs && a.comm === b.comm && isSameProgram(a, b);
}

function isSameProgram(a: AlertProgram | null, b: AlertProgram | null): boolean {
  return a?.executable === b?.executable && isSameWorkload(a?.workload ?? null, b?.workload ?? null);
}

/** Whether what the last sweep has counted is worth an update of an alert. @param group null for one about all of them */
export function isTotalNews(
  { totals }: AlertStep,
  { target, groups }: TargetState,
  alert: Alert,
  group: Group | null,
): boolean {
  const total = totalOfGroups(totals, target, group === null ? [...groups.values()] : [group]);
  return isOtherTotal(alert, total);
}

/**
 * It is known now, or another by a fifth or more, or it makes all of some or some of all. That it is not known any more is
 * no news of the connections.
 */
export function isOtherTotal(
  { stuckCount, totalCount }: Pick<Alert, 'stuckCount' | 'totalCount'>,
  now: number | null,
): boolean {
  if (totalCount === null || now === null) {
    return totalCount === null && now !== null;
  }
  const isAllOrSome = (totalCount === stuckCount) !== (now === stuckCount);
  return isAllOrSome || Math.abs(now - totalCount) >= TOTAL_TOLERANCE * Math.max(now, totalCount);
}
