/** What an audit has found as proto messages. */
import { auditAdvice } from '../core/audit/advice.js';
import type { AuditedConnection } from '../core/audit/audited.js';
import type { ExposureTally } from '../core/audit/exposure-tally.js';
import type { AuditFinding, WaitRange } from '../core/audit/findings.js';
import { type AuditRule, brokenLimits, type PathIdleLimit, ruleWords } from '../core/audit/rules.js';
import type { AuditResult } from '../core/audit/run.js';
import { findingWords, summaryWords } from '../core/audit/words.js';
import type { WallClock } from '../core/ports.js';
import type { Workload } from '../core/workload.js';
import { exposedToProto } from './audit-counts.js';
import { auditRuleToProto } from './audit-names.js';
import type { stuckd } from './gen/stuckd.js';
import { optionsToProto, ownerToProto, uint32, workloadToProto } from './proto-mapping.js';
import { durationFromUs, timestampFromUs } from './proto-time.js';

const NAMESPACES_MAX = 100;

function hangToProto(waitUs: number): stuckd.v1.HangTime.$Properties {
  return waitUs === Infinity ? { never: true } : { time: durationFromUs(waitUs) };
}

function rangeToProto({ shortestUs, longestUs }: WaitRange): stuckd.v1.HangRange.$Properties {
  return { shortest: hangToProto(shortestUs), longest: hangToProto(longestUs) };
}

/** @param limits those that are broken. */
function rulesToProto(
  rules: ReadonlyMap<AuditRule, number>,
  limits: readonly PathIdleLimit[],
): stuckd.v1.AuditRuleCount.$Properties[] {
  return [...rules].map(([rule, count]) => ({
    rule: auditRuleToProto(rule),
    connectionCount: uint32(count),
    explanation: ruleWords(rule, limits),
  }));
}

function sampleToProto(connection: AuditedConnection): stuckd.v1.AuditSample.$Properties {
  const { local, remote, netns, options, idleForUs, exposure, rules } = connection;
  return {
    ...{ local, remote, netns: uint32(netns) },
    options: optionsToProto(options),
    idleTime: durationFromUs(idleForUs),
    hangInFlight: hangToProto(exposure.inFlightUs),
    hangIdle: hangToProto(exposure.idleUs),
    rules: rules.map(auditRuleToProto),
  };
}

export function findingToProto(
  finding: AuditFinding,
  limits: readonly PathIdleLimit[],
  workload: Workload | null,
  clock: WallClock,
): stuckd.v1.AuditFinding.$Properties {
  const { owner, peer, localPort, count, samples, exposed, inFlight, idle, rules } = finding;
  return {
    // Of the holders those of one connection are known; which of them all, nobody would look for here.
    process: owner === null ? null : { ...ownerToProto(owner, workload, clock), holders: [] },
    workload: workload === null ? null : workloadToProto(workload),
    ...{ peer, localPort, connectionCount: uint32(count) },
    exposure: exposedToProto(exposed),
    hangInFlight: rangeToProto(inFlight),
    hangIdle: rangeToProto(idle),
    rules: rulesToProto(rules, brokenLimits(finding.latestFirstProbeUs, limits)),
    summary: findingWords(finding),
    advice: [...auditAdvice(finding, limits)],
    samples: samples.map(sampleToProto),
  };
}

/**
 * @param total of the connections that were asked about.
 * @param isFiltered whether some were not.
 */
export function auditSummaryToProto(
  total: ExposureTally,
  { unreported, endUs, durationUs }: Pick<AuditResult, 'unreported' | 'endUs' | 'durationUs'>,
  thresholdUs: number,
  limits: readonly PathIdleLimit[],
  clock: WallClock,
  isFiltered: boolean,
): stuckd.v1.AuditSummary.$Properties {
  const { exposed } = total;
  return {
    outbound: exposedToProto(exposed.outbound),
    inbound: exposedToProto(exposed.inbound),
    localCount: uint32(exposed.local),
    unreportedCount: uint32(unreported),
    rules: rulesToProto(total.rules, brokenLimits(total.latestFirstProbeUs, limits)),
    namespaces: total.namespaces.slice(0, NAMESPACES_MAX).map((namespace) => ({
      netns: uint32(namespace.netns),
      connectionCount: uint32(namespace.connections),
      tcpRetries2: uint32(namespace.retries2),
      tcpSynRetries: uint32(namespace.synRetries),
    })),
    threshold: durationFromUs(thresholdUs),
    summary: summaryWords(exposed, thresholdUs, { nodes: 1, isFiltered, unreported }),
    auditTime: timestampFromUs(clock.monoToRealUs(endUs)),
    auditDuration: durationFromUs(durationUs),
  };
}
