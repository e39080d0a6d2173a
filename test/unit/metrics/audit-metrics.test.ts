// Proves what the metrics say of an audit: each connection by its direction and by how long it would hang, and nothing before the
// first audit but how many failed. That audits are made is shown in audit/audit-engine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUNTED_LIMIT_US } from '../../../daemon/core/audit/run.js';
import { setAuditMetrics } from '../../../daemon/metrics/audit-metrics.js';
import { FakeAudits } from '../../support/fake-audits.js';
import { tallied } from '../../support/tallied.js';
import { createClock } from '../rpc/sample-records.js';

type Values = Readonly<Record<string, number>>;

/** @param values what a scrape before has left */
function metricsOf(audits: Parameters<typeof setAuditMetrics>[1], values: Record<string, number> = {}): Values {
  const set = (key: string, labels: Readonly<Record<string, string>>, value: number): void => {
    values[[key, ...Object.values(labels)].join(' ')] = value;
  };
  const clear = (key: string): void => {
    for (const name of Object.keys(values).filter((each) => each.split(' ')[0] === key)) {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a registry forgets series in the same way
      delete values[name];
    }
  };
  setAuditMetrics({ set, total: set, clear }, audits, createClock());
  return values;
}

test('before the first audit only what failed', () => {
  assert.deepEqual(metricsOf({ last: null, failed: 3 }), { auditsFailed: 3 });
});

test('a sensor that can make none leaves no numbers of an earlier one', async () => {
  const { connections, endUs } = await new FakeAudits().audit();
  const { exposed, rules } = tallied(connections, COUNTED_LIMIT_US);
  const values = { ...metricsOf({ last: { exposed, rules, endUs }, failed: 0 }) };
  assert.deepEqual(metricsOf({ last: null, failed: 0 }, values), { auditsFailed: 0 });
});

test('what the last one has found', async () => {
  const { connections, endUs } = await new FakeAudits().audit();
  const [first] = connections;
  assert.ok(first !== undefined);
  const all = [...connections, { ...first, isInbound: true }];
  const { exposed, rules } = tallied(all, COUNTED_LIMIT_US);
  const values = metricsOf({ last: { exposed, rules, endUs }, failed: 0 });
  // Of five, those with an odd number have no keepalive, and the others that of two hours.
  assert.equal(values['exposedConnections never outbound'], 3);
  assert.equal(values['exposedConnections over_15m outbound'], 2);
  assert.equal(values['exposedConnections bounded outbound'], 0);
  assert.equal(values['exposedConnections never inbound'], 1);
  assert.equal(values['exposedConnections over_15m inbound'], 0);
  assert.equal(values['auditRuleConnections no_keepalive_no_user_timeout'], 4);
  assert.equal(values['auditRuleConnections one_lost_probe'], 0, 'a rule that nothing breaks is 0, not absent');
  assert.equal(values['lastAudit'], createClock().monoToRealUs(endUs) / 1e6);
  assert.equal(values['auditsFailed'], 0);
});
