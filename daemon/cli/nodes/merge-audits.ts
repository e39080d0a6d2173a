/** Sums of what the audits of several nodes say. */
import { summaryWords } from '../../core/audit/words.js';
import { stuckd } from '../../rpc/gen/stuckd.js';
import { durationToMs } from '../../rpc/proto-time.js';

export type AuditFinding = stuckd.v1.AuditFinding.$Properties;
export type AuditSummary = stuckd.v1.AuditSummary.$Properties;
type Counts = stuckd.v1.ExposureCounts.$Properties;
type RuleCount = stuckd.v1.AuditRuleCount.$Properties;

const US_PER_MS = 1000;

interface SummedCounts {
  readonly neverCount: number;
  readonly overThresholdCount: number;
  readonly boundedCount: number;
}

function sum(numbers: readonly (number | null | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}

function sumCounts(counts: readonly (Counts | null | undefined)[]): SummedCounts {
  return {
    neverCount: sum(counts.map((one) => one?.neverCount)),
    overThresholdCount: sum(counts.map((one) => one?.overThresholdCount)),
    boundedCount: sum(counts.map((one) => one?.boundedCount)),
  };
}

/** The explanation is that of the first: idle limits that are named in it may be others on another node. */
function sumRules(rules: readonly RuleCount[]): RuleCount[] {
  const summed = new Map<RuleCount['rule'], RuleCount>();
  for (const one of rules) {
    const before = summed.get(one.rule) ?? { ...one, connectionCount: 0 };
    summed.set(one.rule, { ...before, connectionCount: sum([before.connectionCount, one.connectionCount]) });
  }
  return [...summed.values()].sort((a, b) => (a.rule ?? 0) - (b.rule ?? 0));
}

function classesOf({ neverCount, overThresholdCount, boundedCount }: SummedCounts): {
  never: number;
  over: number;
  bounded: number;
} {
  return { never: neverCount, over: overThresholdCount, bounded: boundedCount };
}

/**
 * Without network namespaces, whose inode numbers mean something on their node only, and without times.
 * @param summaries at least one, of audits with one and the same threshold, which the request or the default of all daemons sets.
 */
export function mergeAuditSummaries(summaries: readonly AuditSummary[]): stuckd.v1.AuditSummary {
  const [outbound, inbound] = [
    sumCounts(summaries.map((one) => one.outbound)),
    sumCounts(summaries.map((one) => one.inbound)),
  ];
  const threshold = summaries[0]?.threshold ?? {};
  const counts = { outbound: classesOf(outbound), inbound: classesOf(inbound) };
  return stuckd.v1.AuditSummary.fromObject({
    ...{ outbound, inbound, threshold },
    localCount: sum(summaries.map(({ localCount }) => localCount)),
    unreportedCount: sum(summaries.map(({ unreportedCount }) => unreportedCount)),
    rules: sumRules(summaries.flatMap(({ rules }) => rules ?? [])),
    summary: summaryWords(counts, durationToMs(threshold) * US_PER_MS, summaries.length),
  });
}
