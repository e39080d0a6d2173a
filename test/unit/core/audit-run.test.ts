/**
 * Proves how the records of one pass become connections: what is none any more is left out, every holder counts, and what was
 * worked out for one connection serves those that are like it, and no other. What a wait is comes from audit-exposure.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settingsOf } from '../../../daemon/core/audit/audited.js';
import { type AuditResult, AuditRun } from '../../../daemon/core/audit/run.js';
import { SettingsMemo } from '../../../daemon/core/audit/settings-memo.js';
import { type PassReport, type SocketSnapshot, TCP_STATE } from '../../../daemon/core/snapshot.js';
import { clockAt, EMPTY_PASS, snapshotAt, type SnapshotFacts, TEST_KERNEL } from '../../support/snapshot-builder.js';

const PASS_ID = 7;
const CLOCK = clockAt(TEST_KERNEL, 0);
const END: PassReport = {
  ...EMPTY_PASS,
  ...{ edge: 'end', kind: 'audit', passId: PASS_ID, monoUs: 5000, durationUs: 300, sockets: 9 },
};

/** @param pidsOf who holds a socket */
function runOf(
  sockets: readonly SocketSnapshot[],
  pidsOf: (socket: SocketSnapshot) => readonly number[] = () => [100],
): AuditResult {
  const context = { kernel: TEST_KERNEL, clock: CLOCK, idleLimits: [], peerLimitUs: () => null };
  const run = new AuditRun(context, { ...END, edge: 'begin' });
  for (const socket of sockets) {
    for (const pid of pidsOf(socket)) {
      const names = { parentPid: 1, uid: 0, cgroupId: 1n, comm: `p${pid}`, executable: `/p${pid}` };
      run.take({ type: 'process', process: { pid, startBootUs: 1000 - pid, ...names, passId: PASS_ID } });
      run.take({ type: 'socket', socket });
      const { cookie, netns } = socket;
      run.take({ type: 'holder', holder: { cookie, netns, pid, startBootUs: 1000 - pid, fd: 3, passId: PASS_ID } });
    }
  }
  return run.result(END);
}

function socket(facts: SnapshotFacts = {}): SocketSnapshot {
  return snapshotAt(TEST_KERNEL, 0, { cause: 'audit', passId: PASS_ID, ...facts });
}

describe('connections', () => {
  test('one that closed while the sensor looked at it is none', () => {
    for (const facts of [{ state: TCP_STATE.CLOSE }, { state: TCP_STATE.FIN_WAIT1 }, { dead: true }]) {
      assert.deepEqual(runOf([socket(facts)]).connections, []);
    }
    assert.equal(runOf([socket()]).connections.length, 1);
  });

  test('connections of one process share what is said of it', () => {
    const { connections } = runOf([socket({ cookie: 1n }), socket({ cookie: 2n })]);
    assert.equal(connections.length, 2);
    assert.equal(connections[0]?.owner?.comm, 'p100');
    assert.equal(connections[0].owner, connections[1]?.owner);
    assert.deepEqual(connections[0].owner.holders, [], 'descriptors are of one connection');
    assert.equal(connections[0].holderPids, connections[1]?.holderPids);
  });

  test('of hundreds of holders each counts, the oldest names it, and others keep theirs', () => {
    const pids = Array.from({ length: 300 }, (_, index) => 100 + index);
    const { connections } = runOf([socket({ cookie: 1n }), socket({ cookie: 2n })], () => pids);
    assert.deepEqual(
      connections.map(({ owner, holderPids }) => [owner?.pid, holderPids.size, holderPids.has(399)]),
      [
        [399, 300, true],
        [399, 300, true],
      ],
    );
  });

  test('what one connection shares with another process, the others of the first do not', () => {
    const sockets = [1n, 2n, 3n].map((cookie) => socket({ cookie }));
    const { connections } = runOf(sockets, ({ cookie }) => (cookie === 2n ? [100, 200] : [100]));
    assert.deepEqual(
      connections.map(({ holderPids }) => [...holderPids]),
      [[100], [100, 200], [100]],
    );
  });
});

describe('what was worked out before', () => {
  const { hz } = TEST_KERNEL;
  const { sysctls } = socket();
  const different: readonly SnapshotFacts[] = [
    {},
    { keepalive: true },
    { keepalive: true, keepaliveTimeJiffies: 20 * hz },
    { keepalive: true, keepaliveTimeJiffies: 20 * hz, keepaliveIntvlJiffies: 5 * hz },
    { keepalive: true, keepaliveTimeJiffies: 20 * hz, keepaliveIntvlJiffies: 5 * hz, keepaliveProbes: 3 },
    { userTimeoutMs: 30_000 },
    { srttUs: 300_000, rttvarUs: 10_000 },
    { srttUs: 300_000, rttvarUs: 400_000 },
    { srttUs: 0, rtoSeconds: 1 },
    { srttUs: 0, rtoSeconds: 3 },
    { rtoMinJiffies: hz },
    { rtoMaxJiffies: 10 * hz },
    { thinLto: true },
    ...[1000, 2000, 5000, 30_001].flatMap((userTimeoutMs) => [{ userTimeoutMs }, { userTimeoutMs, usecStamps: true }]),
    { sysctls: { ...sysctls, synRetries: 3 } },
    { sysctls: { ...sysctls, retries2: 5 } },
    { sysctls: { ...sysctls, earlyRetrans: 0 } },
    { sysctls: { ...sysctls, thinLinearTimeouts: true } },
    { keepalive: true, sysctls: { ...sysctls, keepaliveProbes: 2 } },
    { keepalive: true, sysctls: { ...sysctls, keepaliveTimeJiffies: 60 * hz } },
    { keepalive: true, sysctls: { ...sysctls, keepaliveIntvlJiffies: hz } },
  ];

  test('is what would come out anew, in whatever order they come', () => {
    const memo = new SettingsMemo(TEST_KERNEL);
    for (const facts of [...different, ...different, ...[...different].reverse()]) {
      const name = JSON.stringify(facts, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
      assert.deepEqual(memo.settingsOf(socket(facts)), settingsOf(socket(facts), TEST_KERNEL), name);
    }
  });

  test('serves those that are alike, whatever they do at the moment', () => {
    const memo = new SettingsMemo(TEST_KERNEL);
    assert.equal(
      memo.settingsOf(socket({ sndUna: 5, packetsOut: 2, retransmits: 3, jiffies: 12_345 })),
      memo.settingsOf(socket()),
    );
    const jiffyUs = 1_000_000 / hz;
    const near = memo.settingsOf(socket({ srttUs: 2 * jiffyUs, rttvarUs: jiffyUs }));
    assert.equal(memo.settingsOf(socket({ srttUs: 2 * jiffyUs - 900, rttvarUs: jiffyUs })), near, 'as many jiffies');
    assert.notEqual(memo.settingsOf(socket({ srttUs: 2 * jiffyUs + 1, rttvarUs: jiffyUs })), near);
  });

  test('is forgotten rather than kept without a bound', () => {
    const memo = new SettingsMemo(TEST_KERNEL);
    const first = memo.settingsOf(socket());
    for (let userTimeoutMs = 1; userTimeoutMs <= 5000; userTimeoutMs++) {
      memo.settingsOf(socket({ userTimeoutMs }));
    }
    assert.notEqual(memo.settingsOf(socket()), first);
  });
});
