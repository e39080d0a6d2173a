/** The last audit as metrics, set anew at every scrape. */
import { countExposed, countRules, EXPOSURE_CLASSES } from '../core/audit/findings.js';
import { AUDIT_RULES } from '../core/audit/rules.js';
import type { AuditResult } from '../core/audit/run.js';
import type { WallClock } from '../core/ports.js';
import type { MetricSet } from './metric-set.js';

const US_PER_SECOND = 1_000_000;
const LIMIT_US = 15 * 60 * US_PER_SECOND;

/** @param result null before the first audit: then nothing is said. */
export function setAuditMetrics(metrics: MetricSet, result: AuditResult | null, clock: WallClock): void {
  if (result === null) {
    return;
  }
  const { outbound, inbound } = countExposed(result.connections, LIMIT_US);
  const rules = countRules(result.connections);
  for (const exposure of EXPOSURE_CLASSES) {
    const label = exposure === 'over' ? 'over_15m' : exposure;
    metrics.set('exposedConnections', { exposure: label, direction: 'outbound' }, outbound.worst[exposure]);
    metrics.set('exposedConnections', { exposure: label, direction: 'inbound' }, inbound.worst[exposure]);
  }
  for (const rule of AUDIT_RULES) {
    metrics.set('auditRuleConnections', { rule }, rules.get(rule) ?? 0);
  }
  metrics.set('lastAudit', {}, clock.monoToRealUs(result.endUs) / US_PER_SECOND);
}
