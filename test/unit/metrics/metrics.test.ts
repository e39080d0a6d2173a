// Proves what passes of the sensor and the event loop become in the metrics, that scrapes at the same time share one page, and
// that nothing is counted after the end. What is on the page is shown in the tests beside this one.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { AGENT_TABLES, type AgentFacts, DROP_STAGES } from '../../../daemon/core/agent-facts.js';
import { NO_COUNTS } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { EventLoopLag } from '../../../daemon/metrics/event-loop-lag.js';
import { Metrics } from '../../../daemon/metrics/metrics.js';
import { EMPTY_PASS } from '../../support/snapshot-builder.js';
import { createClock, createRecord, createStatus, createWorkloads, FakeRecords } from '../rpc/sample-records.js';
import { samplesOf } from './samples.js';

const SWEEP: PassReport = {
  ...EMPTY_PASS,
  ...{ edge: 'end', kind: 'sweep', passId: 1, monoUs: 0, durationUs: 4000, cpuUs: 250_000 },
};

function createFacts(): AgentFacts {
  const none = { entries: 0, capacity: 1 };
  return {
    dropped: Object.fromEntries(DROP_STAGES.map((stage) => [stage, 0])) as AgentFacts['dropped'],
    tables: Object.fromEntries(AGENT_TABLES.map((table) => [table, none])) as AgentFacts['tables'],
    subscribers: { connections: 0, alerts: 0 },
    counters: NO_COUNTS,
    reload: { isSuccessful: true, lastSuccessRealUs: 0 },
  };
}

let records: FakeRecords;
let asked: number;
let metrics: Metrics;

beforeEach(() => {
  records = new FakeRecords();
  asked = 0;
  metrics = new Metrics({
    records,
    workloads: createWorkloads(),
    alerts: { firing: () => [] },
    audits: { last: null, failed: 0 },
    status: {
      status: () => {
        asked += 1;
        return createStatus();
      },
    },
    facts: createFacts,
    clock: createClock(),
    workloadLabels: [],
    maxWorkloads: 1,
  });
});

afterEach(() => {
  metrics.stop();
});

async function sample(name: string): Promise<number | undefined> {
  return samplesOf((await metrics.render()).text).get(name);
}

describe('passes of the sensor', () => {
  test('complete sweeps have a duration, those that were cut short are counted, others are nothing', async () => {
    metrics.passed(SWEEP);
    metrics.passed({ ...SWEEP, edge: 'begin' });
    metrics.passed({ ...SWEEP, error: 4 });
    metrics.passed({ ...SWEEP, error: 4 });
    metrics.passed({ ...SWEEP, kind: 'refresh' });
    metrics.passed({ ...SWEEP, kind: 'refresh', error: 4 });
    assert.equal(await sample('stuckd_sweep_duration_seconds_count'), 1);
    assert.equal(await sample('stuckd_sweep_duration_seconds_sum'), 0.004);
    assert.equal(await sample('stuckd_sweeps_failed_total'), 2);
    assert.equal(await sample('stuckd_sweep_cpu_seconds_total'), 0.75); // those that were cut short took it as well
  });
});

test('scrapes at the same time share one page', async () => {
  await Promise.all([metrics.render(), metrics.render(), metrics.render()]);
  assert.equal(asked, 1);
  await metrics.render();
  assert.equal(asked, 2);
});

test('after the end it hears of no record', () => {
  assert.equal(records.listeners, 1);
  metrics.stop();
  assert.equal(records.listeners, 0);
  records.change('opened', createRecord());
});

describe('lag of the event loop', () => {
  let nowMs: number;
  let usage: number;
  let lag: EventLoopLag;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    nowMs = 1000;
    usage = 0.5;
    lag = new EventLoopLag(
      () => nowMs,
      () => usage,
    );
  });

  afterEach(() => {
    lag.stop();
    mock.timers.reset();
  });

  /** So much later the timer fires, which was due after `waitMs`. */
  function fireAfter(ms: number, waitMs = 250): void {
    nowMs += ms;
    mock.timers.tick(waitMs);
  }

  test('none while the timer fires in time', () => {
    assert.equal(lag.takeMs(), 0);
    fireAfter(250);
    fireAfter(250);
    nowMs += 249;
    assert.equal(lag.takeMs(), 0);
  });

  test('the longest since it was asked for last', () => {
    fireAfter(260);
    fireAfter(500);
    fireAfter(270);
    assert.equal(lag.takeMs(), 250);
    fireAfter(280);
    assert.equal(lag.takeMs(), 30);
    assert.equal(lag.takeMs(), 0);
  });

  test('one that goes on is told as far as it is known', () => {
    nowMs += 1450;
    assert.equal(lag.takeMs(), 1200);
    fireAfter(100);
    assert.equal(lag.takeMs(), 1300);
  });

  test('where there is no work it is looked at seldom, and often again when there is', () => {
    usage = 0.001;
    fireAfter(250);
    fireAfter(1999, 1999); // nothing fires before two seconds are over
    assert.equal(lag.takeMs(), 0);
    usage = 0.5;
    fireAfter(41, 1);
    assert.equal(lag.takeMs(), 40);
    fireAfter(300);
    assert.equal(lag.takeMs(), 50);
  });
});
