/**
 * Proves when the sensor is asked for an audit and whom its result serves: all who asked before it began, once; nobody from a
 * sensor that is gone, that fails, or that takes too long; and that the records of an audit, interleaved with events and
 * other passes, never reach the tracker, also when nobody waits for it any more. Cannot prove what the sensor reports: see
 * test/kernel/audit.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditEngine, AuditError } from '../../../daemon/audit/audit-engine.js';
import { AuditRefusal } from '../../../daemon/core/audit/source.js';
import type { SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { clockAt, EMPTY_PASS, snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const PASS_ID = 4;

function pass(edge: PassReport['edge'], changes: Partial<PassReport> = {}): SensorRecord {
  return { type: 'pass', pass: { ...EMPTY_PASS, edge, kind: 'audit', passId: PASS_ID, monoUs: 0, ...changes } };
}

function socket(passId: number, cookie = 1n): SensorRecord {
  return {
    type: 'socket',
    socket: snapshotAt(TEST_KERNEL, 0, { passId, cookie, cause: passId === 0 ? 'state' : 'audit' }),
  };
}

function holder(passId: number): SensorRecord {
  return { type: 'holder', holder: { cookie: 1n, netns: 1, pid: 7, startBootUs: 1, fd: 3, passId } };
}

function processOf(passId: number): SensorRecord {
  const who = { pid: 7, startBootUs: 1, parentPid: 1, uid: 0, cgroupId: 1n, comm: 'a', executable: '/a' };
  return { type: 'process', process: { ...who, passId } };
}

class Bench {
  requested = 0;
  isUp = true;
  refusal: string | null = null;
  nowUs = 0;
  readonly engine: AuditEngine;

  constructor(timeoutMs = 60_000) {
    this.engine = new AuditEngine({
      refusal: () => this.refusal,
      requestPass: () => {
        this.requested++;
      },
      context: () =>
        this.isUp ? { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), peerLimitUs: () => null } : null,
      ...{ idleLimits: [], nowUs: () => this.nowUs, timeoutMs },
    });
  }
}

test('a sensor that can make none: refused with why, nothing is asked or counted, and an earlier result is told no more', async () => {
  const bench = new Bench();
  const asked = bench.engine.audit();
  bench.engine.take([pass('begin'), socket(PASS_ID), pass('end', { monoUs: 77 })]);
  await asked;
  assert.equal(bench.engine.last?.endUs, 77);
  bench.refusal = 'it polls';
  await assert.rejects(bench.engine.audit(), (error) => error instanceof AuditRefusal && error.message === 'it polls');
  assert.deepEqual([bench.requested, bench.engine.failed, bench.engine.last], [1, 0, null]);
});

test('all who ask before it begins share one pass', async () => {
  const bench = new Bench();
  const asked = [bench.engine.audit(), bench.engine.audit()];
  assert.equal(bench.requested, 1);
  bench.engine.take([pass('begin'), socket(PASS_ID), pass('end', { monoUs: 77 })]);
  for (const { connections, endUs } of await Promise.all(asked)) {
    assert.deepEqual([connections.length, endUs], [1, 77]);
  }
  const { last } = bench.engine;
  assert.equal(last?.endUs, 77);
  assert.equal(last.exposed.outbound.worst.never, 1);
  assert.equal(last.rules.get('no_keepalive_no_user_timeout'), 1);
});

test('who asks while it runs gets the next: what was opened before the call is in it', async () => {
  const bench = new Bench();
  const first = bench.engine.audit();
  bench.engine.take([pass('begin')]);
  bench.nowUs = 50;
  const asked = [bench.engine.audit(), bench.engine.audit()];
  assert.equal(bench.requested, 2);
  bench.engine.take([pass('end', { monoUs: 60 }), pass('begin', { passId: 5, monoUs: 70 })]);
  assert.equal((await first).endUs, 60);
  bench.engine.take([pass('end', { passId: 5, monoUs: 99 })]);
  for (const { endUs } of await Promise.all(asked)) {
    assert.equal(endUs, 99);
  }
  assert.equal(bench.requested, 2);
});

test('a pass that the sensor began before the call, and of which the daemon reads only now, is not for it', async () => {
  const bench = new Bench();
  const early = bench.engine.audit();
  bench.nowUs = 50;
  const late = bench.engine.audit();
  assert.equal(bench.requested, 1);
  bench.engine.take([pass('begin', { monoUs: 40 })]);
  assert.equal(bench.requested, 2, 'another one for those who came later');
  bench.engine.take([pass('end', { monoUs: 60 }), pass('begin', { passId: 5, monoUs: 70 })]);
  bench.engine.take([pass('end', { passId: 5, monoUs: 80 })]);
  assert.deepEqual([(await early).endUs, (await late).endUs], [60, 80]);
});

test('events and other passes go on to the tracker, in order; the audit does not', () => {
  const bench = new Bench();
  void bench.engine.audit();
  const sweep = pass('begin', { kind: 'sweep', passId: 5 });
  const sweepSocket: SensorRecord = { type: 'socket', socket: snapshotAt(TEST_KERNEL, 0, { passId: 5 }) };
  const audit = [pass('begin'), processOf(PASS_ID), socket(PASS_ID), holder(PASS_ID)];
  const records = [socket(0), ...audit, socket(0, 2n), sweep, sweepSocket, holder(5), socket(PASS_ID), pass('end')];
  assert.deepEqual(bench.engine.take(records), [records[0], records[5], sweep, sweepSocket, holder(5)]);
  const others = [socket(0), sweep];
  assert.equal(bench.engine.take(others), others, 'without an audit nothing is copied');
});

test('who has waited too long is told; the tracker hears nothing of the rest, and the next one gets a pass of its own', async () => {
  const bench = new Bench(1);
  const late = bench.engine.audit();
  bench.engine.take([pass('begin'), socket(PASS_ID)]);
  await assert.rejects(late, /has not ended its pass within/);
  assert.equal(bench.engine.failed, 1);
  bench.nowUs = 50;
  const next = bench.engine.audit();
  next.catch(() => undefined); // it may be too late as well
  assert.equal(bench.requested, 2);
  const rest = [processOf(PASS_ID), socket(PASS_ID, 2n), holder(PASS_ID), pass('end', { monoUs: 60 })];
  assert.deepEqual(bench.engine.take(rest), []);
  assert.equal(bench.engine.last?.endUs, 60, 'it counts for the metrics');
  bench.engine.take([pass('begin', { passId: 5, monoUs: 70 }), pass('end', { passId: 5, monoUs: 80 })]);
  await next.then(
    ({ endUs }) => {
      assert.equal(endUs, 80);
    },
    (error: unknown) => {
      assert.match(String(error), /within 0\.001 s/);
    },
  );
});

test('an audit that begins while nobody knows the kernel, or whose begin nobody saw, is swallowed', async () => {
  const bench = new Bench();
  const asked = bench.engine.audit();
  bench.isUp = false;
  assert.deepEqual(bench.engine.take([pass('begin'), socket(PASS_ID), holder(PASS_ID), pass('end')]), []);
  await assert.rejects(asked, AuditError);
  assert.deepEqual(bench.engine.take([socket(9), pass('end', { passId: 9 })]), []);
  assert.equal(bench.engine.last, null);
});

const endings: readonly (readonly [string, RegExp, (bench: Bench) => void])[] = [
  [
    'the sensor ends before the pass begins',
    /ended before/,
    ({ engine }) => {
      engine.sensorDown();
    },
  ],
  [
    'the sensor ends in the middle of the pass',
    /ended before/,
    ({ engine }) => {
      engine.take([pass('begin')]);
      engine.sensorDown();
    },
  ],
  [
    'the daemon stops',
    /stopping/,
    ({ engine }) => {
      engine.take([pass('begin')]);
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

test('who has been told is not told again', async () => {
  const bench = new Bench(1);
  const late = bench.engine.audit();
  bench.engine.take([pass('begin')]);
  await assert.rejects(late, /has not ended its pass within/);
  bench.engine.sensorDown();
  assert.equal(bench.engine.failed, 1);
});

test('a sensor that does not answer is not waited for without end', async () => {
  await assert.rejects(new Bench(1).engine.audit(), /has not ended its pass within/);
});

test('without a sensor there is no audit', async () => {
  const bench = new Bench();
  bench.isUp = false;
  await assert.rejects(bench.engine.audit(), /not running/);
  assert.deepEqual([bench.requested, bench.engine.failed], [0, 1]);
});
