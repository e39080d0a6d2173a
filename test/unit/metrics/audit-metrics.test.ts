// Proves what the metrics say of an audit: each connection once, by its direction and by how long it would hang, and nothing
// before the first audit. That audits are made is shown in tracker/audit-engine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../../daemon/core/audit/findings.js';
import { setAuditMetrics } from '../../../daemon/metrics/audit-metrics.js';
import type { MetricSet } from '../../../daemon/metrics/metric-set.js';
import { FakeAudits } from '../../support/fake-audits.js';
import { createClock } from '../rpc/sample-records.js';

type Values = Readonly<Record<string, number>>;

function metricsOf(result: Parameters<typeof setAuditMetrics>[1]): Values {
  const values: Record<string, number> = {};
  const set: Pick<MetricSet, 'set'> = {
    set: (key, labels, value) => {
      values[[key, ...Object.values(labels)].join(' ')] = value;
    },
  };
  setAuditMetrics(set as MetricSet, result, createClock());
  return values;
}

test('nothing before the first audit', () => {
  assert.deepEqual(metricsOf(null), {});
});

test('what the last one has found', async () => {
  const result = await new FakeAudits().audit();
  const values = metricsOf(result);
  // Of five, those with an odd number have no keepalive, and the others that of two hours.
  assert.equal(findingsOf(result.connections, 900e6).length, 5);
  assert.equal(values['exposedConnections never outbound'], 3);
  assert.equal(values['exposedConnections over_15m outbound'], 2);
  assert.equal(values['exposedConnections bounded outbound'], 0);
  assert.equal(values['exposedConnections never inbound'], 0);
  assert.equal(values['auditRuleConnections no_keepalive_no_user_timeout'], 3);
  assert.equal(values['auditRuleConnections one_lost_probe'], 0, 'a rule that nothing breaks is 0, not absent');
  assert.equal(values['lastAudit'], createClock().monoToRealUs(result.endUs) / 1e6);
});
