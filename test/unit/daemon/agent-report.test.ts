// Proves that each number about the agent comes from where it is counted: all of them differ, so that none can stand in for
// another. That the parts count what they should is shown where they are tested.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AgentParts, buildAgentFacts } from '../../../daemon/agent-report.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import type { CountersReport } from '../../../daemon/core/sensor-records.js';
import { createTrackerState } from '../../../daemon/core/tracker-state.js';
import { SensorLosses } from '../../../daemon/sensor-losses.js';

const COUNTERS: CountersReport = {
  ringDropped: 2,
  events: 3,
  markFailed: 5,
  retransmitsSeen: 7,
  keepaliveSeen: 11,
  watchRejected: 13,
  countRejected: 17,
  holdingsDropped: 19,
};

function createParts(): AgentParts {
  const losses = new SensorLosses();
  losses.take(COUNTERS, 0, 0);
  const tracker = createTrackerState({ ...DEFAULT_TRACKER_CONFIG, maxTracked: 1000 });
  Object.assign(tracker.counters, { evicted: 23, refused: 29, reusesDropped: 31, holdersDropped: 37 });
  for (const key of ['a', 'b', 'c']) {
    tracker.entries.set(key, {} as never);
  }
  const alerting = {
    counters: { fired: 0, resolved: 0, alertsRefused: 41, membersRefused: 43 },
    firing: { entries: 47, capacity: 1047 },
    connections: { entries: 53, capacity: 1053 },
    outbox: { entries: 59, capacity: 1059 },
    ...{ outboxDropped: 61, historyDropped: 67 },
  };
  const watches = { open: { connections: 71, alerts: 73 }, fill: { entries: 144, capacity: 1144 }, lost: 79 };
  // Of these classes only what is read here; the rest of them is no matter of this test.
  return {
    losses,
    engine: { state: tracker },
    totals: { fill: { entries: 83, capacity: 1083 } },
    alerting: { facts: () => alerting },
    history: { dropped: 89 },
    grpc: { watches: () => watches },
    reload: { isSuccessful: false, lastSuccessRealUs: 97 },
    httpDropped: 101,
  } as unknown as AgentParts;
}

describe('what the agent knows about itself', () => {
  const facts = buildAgentFacts(createParts());

  test('drops', () => {
    assert.deepEqual(facts.dropped, {
      ring_buffer: 2,
      marks: 5,
      watch_requests: 13,
      totals: 17 + 19,
      tracker: 23 + 29,
      stale_reuses: 31,
      holders: 37,
      subscribers: 79,
      alerts: 41,
      alert_connections: 43,
      outbox: 61,
      history: 67 + 89,
      http_connections: 101,
    });
  });

  test('tables', () => {
    assert.deepEqual(facts.tables, {
      tracked_connections: { entries: 3, capacity: 1000 },
      firing_alerts: { entries: 47, capacity: 1047 },
      alert_connections: { entries: 53, capacity: 1053 },
      subscribers: { entries: 144, capacity: 1144 },
      outbox: { entries: 59, capacity: 1059 },
      counted_totals: { entries: 83, capacity: 1083 },
    });
  });

  test('the rest', () => {
    assert.deepEqual(facts.counters, COUNTERS);
    assert.deepEqual(facts.subscribers, { connections: 71, alerts: 73 });
    assert.deepEqual(facts.reload, { isSuccessful: false, lastSuccessRealUs: 97 });
  });

  test('before gRPC listens there are no watches', () => {
    const { subscribers, tables, dropped } = buildAgentFacts({ ...createParts(), grpc: null });
    assert.deepEqual(
      [subscribers, tables.subscribers],
      [
        { connections: 0, alerts: 0 },
        { entries: 0, capacity: 0 },
      ],
    );
    assert.equal(dropped.subscribers, 0);
  });
});

describe('what sensors have lost', () => {
  test('a sensor that dies takes nothing of it along', () => {
    const losses = new SensorLosses();
    losses.take(COUNTERS, 0, 100);
    losses.sensorDown();
    assert.deepEqual(losses.totals, COUNTERS);
    losses.take({ ...COUNTERS, ringDropped: 1 }, 0, 200);
    assert.equal(losses.totals.ringDropped, 3);
    assert.equal(losses.totals.holdingsDropped, 38);
    assert.deepEqual(losses.counters, { ...COUNTERS, ringDropped: 1 });
  });

  test('the time of the last loss, of the sensor or of the tracker', () => {
    const losses = new SensorLosses();
    const none = { ...COUNTERS, ringDropped: 0, markFailed: 0, countRejected: 0, holdingsDropped: 0 };
    losses.take(none, 0, 100);
    assert.equal(losses.lastLossUs, null);
    losses.take({ ...none, markFailed: 1 }, 0, 200);
    assert.equal(losses.lastLossUs, 200);
    losses.take({ ...none, markFailed: 1 }, 0, 300);
    assert.equal(losses.lastLossUs, 200);
    losses.take({ ...none, markFailed: 1 }, 1, 400);
    assert.equal(losses.lastLossUs, 400);
  });
});
