/**
 * Proves when the sensor is asked for an audit and who gets its result: all who asked before its end, once; nobody from a
 * sensor that is gone, that fails, or that does not answer; and that the records of an audit, interleaved with events and
 * other passes, never reach the tracker. Cannot prove what the sensor reports: see test/kernel/audit.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditEngine, AuditError } from '../../../daemon/audit/audit-engine.js';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { clockAt, snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const PASS_ID = 4;

function pass(edge: PassReport['edge'], changes: Partial<PassReport> = {}): SensorRecord {
  const none = { durationUs: 0, sockets: 0, connections: 0, reported: 0, processes: 0, marked: 0, error: 0, monoUs: 0 };
  return { type: 'pass', pass: { ...none, edge, kind: 'audit', passId: PASS_ID, ...changes } };
}

function socket(passId: number, cookie = 1n): SensorRecord {
  return {
    type: 'socket',
    socket: snapshotAt(TEST_KERNEL, 0, { passId, cookie, cause: passId === 0 ? 'state' : 'audit' }),
  };
}

class Bench {
  requested = 0;
  isUp = true;
  readonly engine: AuditEngine;

  constructor(timeoutMs = 60_000) {
    this.engine = new AuditEngine({
      requestPass: () => {
        this.requested++;
      },
      context: () =>
        this.isUp ? { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), peerLimitUs: () => null } : null,
      ...{ idleLimits: [], intervalMs: null, timeoutMs },
    });
  }
}

test('all who ask before its end share one pass; who asks then gets another', async () => {
  const bench = new Bench();
  const asked = [bench.engine.audit(), bench.engine.audit()];
  bench.engine.take([pass('begin'), socket(PASS_ID)]);
  asked.push(bench.engine.audit());
  assert.equal(bench.requested, 1);
  bench.engine.take([pass('end', { monoUs: 77 })]);
  for (const { connections, endUs } of await Promise.all(asked)) {
    assert.deepEqual([connections.length, endUs], [1, 77]);
  }
  assert.equal(bench.engine.last?.endUs, 77);
  const another = bench.engine.audit();
  assert.equal(bench.requested, 2);
  bench.engine.take([pass('begin'), pass('end', { monoUs: 99 })]);
  assert.equal((await another).endUs, 99);
});

test('events and other passes go on to the tracker, in order; the audit does not', () => {
  const bench = new Bench();
  void bench.engine.audit().catch(() => undefined);
  const sweep = pass('begin', { kind: 'sweep', passId: 5 });
  const records = [socket(0), pass('begin'), socket(PASS_ID), socket(0, 2n), pass('end'), sweep, socket(5)];
  assert.deepEqual(bench.engine.take(records), [records[0], records[3], sweep, records[6]]);
  const others = [socket(0), sweep];
  assert.equal(bench.engine.take(others), others, 'without an audit nothing is copied');
});

const endings: readonly (readonly [string, RegExp, (bench: Bench) => void])[] = [
  [
    'the sensor ends',
    /ended before/,
    ({ engine }) => {
      engine.sensorDown();
    },
  ],
  [
    'the daemon stops',
    /stopping/,
    ({ engine }) => {
      engine.stop();
    },
  ],
  [
    'the pass was cut short',
    /errno 12/,
    ({ engine }) => {
      engine.take([pass('begin'), pass('end', { error: 12 })]);
    },
  ],
];
for (const [name, message, end] of endings) {
  test(`${name}: whoever asked is told, and the next audit begins anew`, async () => {
    const bench = new Bench();
    const asked = bench.engine.audit();
    end(bench);
    await assert.rejects(asked, (error) => error instanceof AuditError && message.test(error.message));
    assert.equal(bench.engine.failed, 1);
    assert.equal(bench.engine.last, null);
    void bench.engine.audit().catch(() => undefined);
    assert.equal(bench.requested, 2);
    bench.engine.stop();
  });
}

test('a sensor that does not answer is not waited for without end', async () => {
  await assert.rejects(new Bench(1).engine.audit(), /has not ended its pass within/);
});

test('without a sensor there is no audit', async () => {
  const bench = new Bench();
  bench.isUp = false;
  await assert.rejects(bench.engine.audit(), /not running/);
  assert.equal(bench.requested, 0);
});
