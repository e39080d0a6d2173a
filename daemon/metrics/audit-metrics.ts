/** The last audit as metrics, set anew at every scrape. */
import { EXPOSURE_CLASSES } from '../core/audit/exposure-tally.js';
import { AUDIT_RULES } from '../core/audit/rules.js';
import type { AuditSource } from '../core/audit/source.js';
import type { WallClock } from '../core/ports.js';
import type { MetricSet } from './metric-set.js';

const US_PER_SECOND = 1_000_000;

/** Before the first audit, and while a sensor polls, which can make none, nothing is said but that some failed. */
export function setAuditMetrics(
  metrics: Pick<MetricSet, 'set' | 'total' | 'clear'>,
  { last, failed }: Pick<AuditSource, 'last' | 'failed'>,
  clock: WallClock,
): void {
  metrics.total('auditsFailed', {}, failed);
  if (last === null) {
    metrics.clear('exposedConnections');
    metrics.clear('auditRuleConnections');
    metrics.clear('lastAudit');
    return;
  }
  const { outbound, inbound } = last.exposed;
  for (const exposure of EXPOSURE_CLASSES) {
    const label = exposure === 'over' ? 'over_15m' : exposure;
    metrics.set('exposedConnections', { exposure: label, direction: 'outbound' }, outbound.worst[exposure]);
    metrics.set('exposedConnections', { exposure: label, direction: 'inbound' }, inbound.worst[exposure]);
  }
  for (const rule of AUDIT_RULES) {
    metrics.set('auditRuleConnections', { rule }, last.rules.get(rule) ?? 0);
  }
  metrics.set('lastAudit', {}, clock.monoToRealUs(last.endUs) / US_PER_SECOND);
}
