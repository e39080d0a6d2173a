/** Sums of what the audits of several nodes say. */
import type { Exposed, HangCounts } from '../../core/audit/exposure-tally.js';
import { summaryWords } from '../../core/audit/words.js';
import { exposedToProto } from '../../rpc/audit-counts.js';
import { stuckd } from '../../rpc/gen/stuckd.js';
import { durationToMs } from '../../rpc/proto-time.js';
import { sum } from './sums.js';

export type AuditFinding = stuckd.v1.AuditFinding.$Properties;
export type AuditSummary = stuckd.v1.AuditSummary.$Properties;
type Exposure = stuckd.v1.Exposure.$Properties;
type Counts = stuckd.v1.HangCounts.$Properties;
type RuleCount = stuckd.v1.AuditRuleCount.$Properties;

const US_PER_MS = 1000;

function sumCounts(counts: readonly (Counts | null | undefined)[]): HangCounts {
  return {
    never: sum(counts.map((one) => one?.neverCount)),
    over: sum(counts.map((one) => one?.overThresholdCount)),
    bounded: sum(counts.map((one) => one?.withinThresholdCount)),
  };
}

function sumExposures(exposures: readonly (Exposure | null | undefined)[]): Exposed {
  return {
    inFlight: sumCounts(exposures.map((one) => one?.inFlight)),
    idle: sumCounts(exposures.map((one) => one?.idle)),
    worst: sumCounts(exposures.map((one) => one?.worst)),
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

/**
 * Without network namespaces, whose inode numbers mean something on their node only, and without times.
 * @param summaries at least one, of audits with one and the same threshold, which the request or the default of all daemons sets.
 */
export function mergeAuditSummaries(summaries: readonly AuditSummary[], isFiltered: boolean): stuckd.v1.AuditSummary {
  const [outbound, inbound] = [
    sumExposures(summaries.map((one) => one.outbound)),
    sumExposures(summaries.map((one) => one.inbound)),
  ];
  const threshold = summaries[0]?.threshold ?? {};
  const unreported = sum(summaries.map(({ unreportedCount }) => unreportedCount));
  const scope = { nodes: summaries.length, isFiltered, unreported };
  return stuckd.v1.AuditSummary.fromObject({
    ...{ outbound: exposedToProto(outbound), inbound: exposedToProto(inbound), threshold },
    localCount: sum(summaries.map(({ localCount }) => localCount)),
    unreportedCount: unreported,
    rules: sumRules(summaries.flatMap(({ rules }) => rules ?? [])),
    summary: summaryWords({ outbound, inbound }, durationToMs(threshold) * US_PER_MS, scope),
  });
}
