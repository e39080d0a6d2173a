// Proves the shell around the alert rules: what time decides happens in time, subscribers hear of it in order, and what is
// kept of resolved alerts is bounded. Timers are mocked; the rules themselves are shown by the scenarios.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { AlertEngine } from '../../../daemon/alerts/alert-engine.js';
import type { SavedAlert } from '../../../daemon/core/alerts/alert-messages.js';
import { DEFAULT_ALERT_CONFIG } from '../../../daemon/core/alerts/alert-config.js';
import { NO_TOTALS } from '../../../daemon/core/totals.js';
import { createRecord, EPOCH_MONO_US, EPOCH_REAL_US, FakeRecords } from '../rpc/sample-records.js';

let nowMs = 0;
let records: FakeRecords;
let saves = 0;
let total: number | null = null;
let engine: AlertEngine;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  nowMs = 0;
  saves = 0;
  total = null;
  records = new FakeRecords();
  engine = new AlertEngine({
    config: DEFAULT_ALERT_CONFIG,
    clock: {
      nowUs: () => EPOCH_MONO_US + nowMs * 1000,
      monoToRealUs: (us) => EPOCH_REAL_US + us - EPOCH_MONO_US,
      bootToRealUs: (us) => us,
    },
    records,
    workloads: { workloadOf: () => null },
    totals: { ...NO_TOTALS, ofDestination: () => total },
    onSaveable: () => {
      saves += 1;
    },
  });
  engine.settle();
});

afterEach(() => {
  engine.stop();
  mock.timers.reset();
});

function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 50) {
    nowMs += 50;
    mock.timers.tick(50);
  }
}

function open(id: string, port = 8000): void {
  const times = { sinceUs: EPOCH_MONO_US + nowMs * 1000, detectedUs: EPOCH_MONO_US + nowMs * 1000 };
  records.timeUs = EPOCH_MONO_US + nowMs * 1000;
  records.change('opened', createRecord({ id, remote: { address: '10.0.0.2', port }, ...times }));
}

test('it fires in time, is listed, saved and told, and ends likewise', () => {
  const told: string[] = [];
  const unsubscribe = engine.subscribe(({ kind, alert }) => told.push(`${kind} ${alert.stuckCount}`));
  open('c1');
  pass(14_900);
  assert.deepEqual(engine.firing(), []);
  pass(150);
  assert.equal(engine.firing().length, 1);
  assert.equal(engine.saveable().alerts.length, 1);
  records.change('ended', createRecord({ id: 'c1' }));
  pass(10_400);
  assert.deepEqual(engine.firing(), []);
  assert.equal(engine.resolved()[0]?.status, 'resolved');
  assert.deepEqual(told, ['fired 1', 'resolved 1']);
  assert.equal(saves, 2);
  unsubscribe();
});

test('ids sort by the time at which alerts fired', () => {
  open('c1', 1);
  pass(5000);
  open('c2', 2);
  pass(20_000);
  const ids = engine.firing().map(({ id }) => id);
  assert.equal(ids.length, 2);
  assert.deepEqual(ids.toSorted(), ids);
});

test('resolved alerts are kept up to a bound, the newest', () => {
  for (let port = 1; port <= 1005; port += 1) {
    engine.restore({ alerts: [saved(port)], ends: [] }, false);
  }
  assert.equal(engine.resolved().length, 1000);
  assert.equal(engine.resolved().at(-1)?.peer?.port, 1005);
  assert.equal(engine.resolved()[0]?.peer?.port, 6);
});

test('what a sweep has counted is told in time, and listed', () => {
  open('c1');
  pass(15_050);
  const told: unknown[] = [];
  engine.subscribe(({ kind, alert }) => told.push([kind, alert.totalCount]));
  engine.recount();
  total = 10;
  pass(1000);
  assert.deepEqual(told, []);
  engine.recount();
  pass(5000);
  assert.deepEqual(told, [['updated', 10]]);
  assert.equal(engine.firing()[0]?.totalCount, 10);
});

test('what fires on after a restart is listed, and told to nobody', () => {
  const told: string[] = [];
  engine.subscribe(({ kind, alert }) => told.push(`${kind} ${alert.id}`));
  engine.restore({ alerts: [saved(1)], ends: [] }, true);
  assert.deepEqual(
    engine.firing().map(({ id }) => id),
    ['a1'],
  );
  assert.deepEqual(told, []);
  engine.restore({ alerts: [saved(2)], ends: [] }, false);
  assert.deepEqual(told, ['resolved a2'], 'of a boot before, it is over');
});

function saved(port: number): SavedAlert {
  const base = {
    id: `a${port}`,
    fingerprint: '',
    status: 'firing' as const,
    severity: 'warning' as const,
    kind: 'retransmitting' as const,
    process: null,
    processCount: 0,
    peer: { address: '10.0.0.2', port },
    localPort: 0,
    connections: [],
  };
  const counts = { stuckCount: 1, totalCount: null, earliestGiveUpUs: null, silencedUntilMs: null, receivers: [] };
  const times = { startUs: 0, fireUs: 0, updateUs: 0, endUs: null };
  return { alert: { ...base, ...counts, ...times }, target: 't', side: 'outbound', netns: 0, subject: 's' };
}

test('after its end nothing happens any more', () => {
  open('c1');
  engine.stop();
  pass(60_000);
  assert.deepEqual(engine.firing(), []);
  assert.equal(records.listeners, 0);
});
