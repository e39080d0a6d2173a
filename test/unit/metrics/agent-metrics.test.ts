// Proves that the agent's own health reaches the text that Prometheus gets, and that what is gone from one scrape to the next
// (a receiver, a sensor, an alert) is gone there too. The status is made by hand; that a real daemon fills it is shown in
// test/acceptance/metrics.test.ts.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Alert } from '../../../daemon/core/alert.js';
import { AGENT_TABLES, type AgentFacts, DROP_STAGES } from '../../../daemon/core/agent-facts.js';
import type { ReceiverReport } from '../../../daemon/core/delivery.js';
import type { StatusReport } from '../../../daemon/core/ports.js';
import { NO_COUNTS } from '../../../daemon/core/sensor-records.js';
import { setAgentMetrics } from '../../../daemon/metrics/agent-metrics.js';
import { MetricSet } from '../../../daemon/metrics/metric-set.js';
import { createClock, createStatus, EPOCH_MONO_US, EPOCH_REAL_US } from '../rpc/sample-records.js';
import { nonZero, samplesOf } from './samples.js';

function fromKeys<Key extends string, Value>(
  keys: readonly Key[],
  value: (index: number) => Value,
): Record<Key, Value> {
  return Object.fromEntries(keys.map((key, index) => [key, value(index)])) as Record<Key, Value>;
}

function createFacts(changes: Partial<AgentFacts> = {}): AgentFacts {
  return {
    dropped: fromKeys(DROP_STAGES, () => 0),
    tables: fromKeys(AGENT_TABLES, () => ({ entries: 0, capacity: 100 })),
    subscribers: { connections: 0, alerts: 0 },
    counters: NO_COUNTS,
    reload: { isSuccessful: true, lastSuccessRealUs: EPOCH_REAL_US },
    ...changes,
  };
}

function createReceiver(changes: Partial<ReceiverReport>): ReceiverReport {
  return {
    name: 'hook',
    pending: 0,
    oldestAgeMs: 0,
    delivered: 0,
    dead: 0,
    dropped: 0,
    failedAttempts: 0,
    lastError: '',
    ...changes,
  };
}

let metrics: MetricSet;

beforeEach(() => {
  metrics = new MetricSet([]);
});

async function scrape(
  status: Partial<StatusReport> = {},
  facts: Partial<AgentFacts> = {},
  firing: readonly Pick<Alert, 'kind' | 'severity'>[] = [],
): Promise<string> {
  setAgentMetrics(metrics, createStatus(status), createFacts(facts), firing as readonly Alert[], createClock());
  return (await metrics.render()).text;
}

describe('sensor', () => {
  const { sensor } = createStatus();

  test('up, with its probes; down, without any', async () => {
    const programs = [
      { name: 'sweep', attached: true, message: '' },
      { name: 'tcp_send_reset', attached: false, message: 'ENOENT' },
    ];
    const up = await scrape({ sensor: { ...sensor, programs, restarts: 2 } });
    assert.equal(samplesOf(up).get('stuckd_sensor_up'), 1);
    assert.equal(samplesOf(up).get('stuckd_sensor_restarts_total'), 2);
    assert.equal(samplesOf(up).get('stuckd_probe_attached{probe="sweep"}'), 1);
    assert.equal(samplesOf(up).get('stuckd_probe_attached{probe="tcp_send_reset"}'), 0);
    const down = await scrape({ sensor: { ...sensor, state: 'backoff', programs: [], restarts: 3 } });
    assert.equal(samplesOf(down).get('stuckd_sensor_up'), 0);
    assert.equal(samplesOf(down).get('stuckd_sensor_restarts_total'), 3);
    assert.doesNotMatch(down, /^stuckd_probe_attached/m);
  });

  test('what it has counted', async () => {
    const counters = { ...NO_COUNTS, events: 70, retransmitsSeen: 900, keepaliveSeen: 11 };
    const samples = samplesOf(await scrape({}, { counters }));
    assert.equal(samples.get('stuckd_sensor_events_total'), 70);
    assert.equal(samples.get('stuckd_retransmit_timeouts_seen_total'), 900);
    assert.equal(samples.get('stuckd_keepalive_timeouts_seen_total'), 11);
  });
});

const SLOWED = { cpuUs: 57_000, intervalMs: 11_400, configuredIntervalMs: 2000, cpuPercentMax: 0.5 };

test('polling: what it reaches; of a sensor that does not poll there are no such numbers', async () => {
  const { sensor } = createStatus();
  const reach = { namespaces: 2, closedNamespaces: 3, closedProcesses: 4 };
  const polling = samplesOf(await scrape({ sensor: { ...sensor, mode: 'polling', reach } }));
  assert.equal(polling.get('stuckd_sensor_polling'), 1);
  assert.equal(polling.get('stuckd_polling_network_namespaces{reach="polled"}'), 2);
  assert.equal(polling.get('stuckd_polling_network_namespaces{reach="closed"}'), 3);
  assert.equal(polling.get('stuckd_polling_closed_processes'), 4);
  const names = [...samplesOf(await scrape()).entries()].filter(([name]) => name.includes('polling'));
  assert.deepEqual(names, [['stuckd_sensor_polling', 0]]);
});

test('the last sweep is a time; without one there is no series', async () => {
  assert.doesNotMatch(await scrape({ sweep: null }), /^stuckd_(last_sweep|sweep_interval|connections|processes)/m);
  const sweep = { endUs: EPOCH_MONO_US, durationUs: 400, sockets: 9, connections: 7, processes: 3, ...SLOWED };
  const samples = samplesOf(await scrape({ sweep }));
  assert.equal(samples.get('stuckd_last_sweep_timestamp_seconds'), EPOCH_REAL_US / 1e6);
  assert.equal(samples.get('stuckd_connections'), 7);
  assert.equal(samples.get('stuckd_processes'), 3);
  assert.equal(samples.get('stuckd_sweep_interval_seconds'), 11.4);
});

test('alerts that have fired and that were resolved', async () => {
  const { alerting, tracker } = createStatus();
  const samples = samplesOf(await scrape({ alerting: { ...alerting, fired: 17, resolved: 13 } }));
  assert.equal(samples.get('stuckd_alerts_fired_total'), 17);
  assert.equal(samples.get('stuckd_alerts_resolved_total'), 13);
  assert.equal(samples.get('stuckd_suspects'), tracker.suspects);
});

test('ready and problems', async () => {
  const good = samplesOf(await scrape());
  assert.deepEqual([good.get('stuckd_ready'), good.get('stuckd_problems')], [1, 0]);
  const bad = samplesOf(await scrape({ problems: ['a', 'b'], notReady: ['a'] }));
  assert.deepEqual([bad.get('stuckd_ready'), bad.get('stuckd_problems')], [0, 2]);
});

test('what found no room, and how full the tables are, each under its own name', async () => {
  const text = await scrape(
    {},
    {
      dropped: fromKeys(DROP_STAGES, (index) => index + 1),
      tables: fromKeys(AGENT_TABLES, (index) => ({ entries: index + 1, capacity: 10 * (index + 1) })),
      subscribers: { connections: 5, alerts: 6 },
    },
  );
  const samples = samplesOf(text);
  for (const [index, stage] of DROP_STAGES.entries()) {
    assert.equal(samples.get(`stuckd_dropped_total{stage="${stage}"}`), index + 1);
  }
  for (const [index, table] of AGENT_TABLES.entries()) {
    assert.equal(samples.get(`stuckd_table_entries{table="${table}"}`), index + 1);
    assert.equal(samples.get(`stuckd_table_capacity{table="${table}"}`), 10 * (index + 1));
  }
  assert.deepEqual(nonZero(text, 'stuckd_subscribers'), { 'stream="connections"': 5, 'stream="alerts"': 6 });
});

test('receivers: depth and age of the outbox, failures; one that is gone leaves no gauge behind', async () => {
  const { alerting } = createStatus();
  const failing = {
    pending: 4,
    oldestAgeMs: 2500,
    delivered: 9,
    dead: 1,
    dropped: 2,
    failedAttempts: 13,
    lastError: 'HTTP 500',
  };
  const both = samplesOf(
    await scrape({ alerting: { ...alerting, receivers: [createReceiver({ name: 'good' }), createReceiver(failing)] } }),
  );
  const of = (name: string): readonly (number | undefined)[] =>
    [
      'pending_messages',
      'oldest_pending_age_seconds',
      'failing',
      'delivered_total',
      'dropped_total',
      'dead_messages',
      'failed_attempts_total',
    ].map((metric) => both.get(`stuckd_receiver_${metric}{receiver="${name}"}`));
  assert.deepEqual(of('hook'), [4, 2.5, 1, 9, 2, 1, 13]);
  assert.deepEqual(of('good'), [0, 0, 0, 0, 0, 0, 0]);
  const gone = await scrape({ alerting: { ...alerting, receivers: [createReceiver({ name: 'good' })] } });
  assert.doesNotMatch(gone, /receiver="hook"/);
});

test('alerts that fire, by kind and severity, until they do not', async () => {
  const alert = { kind: 'closing', severity: 'warning' } as const;
  const firing = await scrape({}, {}, [alert, alert, { kind: 'zombie', severity: 'info' }]);
  assert.deepEqual(nonZero(firing, 'stuckd_alerts_firing'), {
    'kind="closing",severity="warning"': 2,
    'kind="zombie",severity="info"': 1,
  });
  assert.deepEqual(nonZero(await scrape(), 'stuckd_alerts_firing'), {});
});

test('a configuration that was refused', async () => {
  const good = samplesOf(await scrape());
  assert.equal(good.get('stuckd_config_last_reload_successful'), 1);
  const reload = { isSuccessful: false, lastSuccessRealUs: EPOCH_REAL_US };
  const bad = samplesOf(await scrape({}, { reload }));
  assert.equal(bad.get('stuckd_config_last_reload_successful'), 0);
  assert.equal(bad.get('stuckd_config_last_reload_success_timestamp_seconds'), EPOCH_REAL_US / 1e6);
});

test('versions are the labels of one series, also after they have changed', async () => {
  const { sensor } = createStatus();
  await scrape({ sensor: { ...sensor, version: '' } });
  const text = await scrape({ sensor: { ...sensor, version: '9.9.9' } });
  const series = [...samplesOf(text)].filter(([name]) => name.startsWith('stuckd_build_info'));
  assert.equal(series.length, 1);
  assert.match(series[0]?.[0] ?? '', /version="0\.1\.0",sensor_version="9\.9\.9",node_version="v\d+/);
  assert.equal(series[0]?.[1], 1);
});
