/**
 * Proves what the shell keeps right while the end of a sweep is told piece by piece: other thresholds in between change
 * nothing about it, and the sweep counts as complete when all of it was told, whoever made the tracker tell the rest.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { RecordChange } from '../../../daemon/core/ports.js';
import { NO_COUNTS, type SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import { TrackerEngine } from '../../../daemon/tracker/tracker-engine.js';
import { ReplayClock } from '../../acceptance/replay-sensor.js';
import { clockAt, EMPTY_PASS, monoUsAt, snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const CONNECTIONS = 1000;
const STUCK = { sndNxt: 1100, writeSeq: 1100, packetsOut: 1, ackedAt: -0.05, retransAt: 0.204, totalRetrans: 3 };
const THIRD_RTO = { caState: 4, retransmits: 3, backoff: 2, rtoSeconds: 0.816 };
const NOW_US = monoUsAt(TEST_KERNEL, 4);

function pass(edge: PassReport['edge']): SensorRecord {
  return { type: 'pass', pass: { edge, kind: 'sweep', passId: 1, monoUs: NOW_US, ...EMPTY_PASS } };
}

let engine: TrackerEngine;
let owned: Set<string>;

/** All connections are stuck, a sweep has found their owner, and only the first piece of that was told. */
beforeEach(() => {
  const clock = new ReplayClock();
  clock.advance(NOW_US);
  engine = new TrackerEngine({
    config: DEFAULT_TRACKER_CONFIG,
    endedMax: 10,
    clock,
    sensor: { requestPass: () => undefined, watch: () => undefined, unwatch: () => undefined },
    onSaveable: () => undefined,
  });
  owned = new Set();
  engine.subscribe(({ kind, record }: RecordChange) => {
    if (kind === 'updated' && record.owner !== null) {
      assert.ok(!owned.has(record.id), 'told twice');
      owned.add(record.id);
    }
  });
  engine.sensorUp(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  const sockets = Array.from({ length: CONNECTIONS }, (_, index) =>
    snapshotAt(TEST_KERNEL, 1.428, { ...STUCK, ...THIRD_RTO, cause: 'retransmit', cookie: BigInt(index + 1) }),
  );
  const holder = { pid: 7, startBootUs: 1, passId: 1 };
  const names = { parentPid: 1, uid: 0, cgroupId: 0n, comm: 'app', executable: '/app' };
  engine.take([
    ...sockets.map((socket): SensorRecord => ({ type: 'socket', socket })),
    pass('begin'),
    { type: 'process', process: { ...holder, ...names } },
    ...sockets.map(({ cookie, netns }): SensorRecord => ({
      type: 'holder',
      holder: { ...holder, cookie, netns, fd: Number(cookie) },
    })),
    pass('end'),
  ]);
  assert.ok(engine.isConcluding && owned.size > 0 && owned.size < CONNECTIONS);
  assert.equal(engine.lastSweep, null);
});

afterEach(() => {
  engine.stop();
});

describe('the end of a sweep that is told in pieces', () => {
  test('goes on over other thresholds, in the same state', () => {
    const { state } = engine;
    const config = { ...DEFAULT_TRACKER_CONFIG, maxTimeline: 4 };
    engine.reconfigure(config, 10);
    assert.equal(engine.state, state, 'what is under way holds on to it');
    assert.equal(state.config, config);
    while (engine.isConcluding) {
      engine.goOn();
    }
    assert.equal(owned.size, CONNECTIONS);
    assert.equal(engine.lastSweep?.passId, 1);
  });

  test('is complete as well when something else comes before the last piece', () => {
    engine.take([{ type: 'counters', counters: NO_COUNTS }]);
    assert.equal(engine.isConcluding, false);
    assert.equal(owned.size, CONNECTIONS);
    assert.equal(engine.lastSweep?.passId, 1);
  });
});
