/**
 * Proves how totals follow from what the sensor counts: as of the last complete sweep, unknown (and not 0) where nothing was
 * counted, and with what earlier sensors have seen of new connections. Cannot prove that the sensor counts right: see
 * test/kernel/grouping.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterestLedger } from '../../../daemon/core/interest-ledger.js';
import type { CountersReport, InterestReport, SensorRecord } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { SweepTotals } from '../../../daemon/core/sweep-totals.js';
import { EMPTY_PASS } from '../../support/snapshot-builder.js';
import { createRecord, OWNER } from '../rpc/sample-records.js';

const PEER = { address: '10.0.0.2', port: 8000, netns: 0 };
const OTHER = { ...OWNER, pid: 7 };
const SWEEP_END_US = 50_000_000;
/** Ids that the ledger gives: a peer and a process for the first record, a listener for the second. */
const PEER_ID = 1;
const LISTENER_ID = 3;

function setStage(): { readonly totals: SweepTotals; readonly ledger: InterestLedger } {
  const ledger = new InterestLedger();
  ledger.update(createRecord({ id: 'out' }), 0);
  ledger.update(createRecord({ id: 'in', direction: 'inbound', local: { address: '10.0.0.1', port: 80 } }), 0);
  ledger.takeChanges(0);
  const totals = new SweepTotals(ledger);
  totals.sensorUp(250);
  return { totals, ledger };
}

function pass(edge: PassReport['edge'], changes: Partial<PassReport> = {}): SensorRecord {
  return { type: 'pass', pass: { ...EMPTY_PASS, edge, kind: 'sweep', passId: 9, monoUs: SWEEP_END_US, ...changes } };
}

function interest(changes: Partial<InterestReport> = {}): SensorRecord {
  return {
    type: 'interest',
    interest: {
      interestId: PEER_ID,
      connections: 10,
      connecting: 0,
      heardAgeJiffies: 0xffff_ffff,
      succeeded: 0,
      failed: 0,
      lastSuccessUs: 0,
      lastFailureUs: 0,
      passId: 9,
      ...changes,
    },
  };
}

function holding(interestId: number, connections: number, pid = OWNER.pid): SensorRecord {
  const { startBootUs } = OWNER;
  return { type: 'holding', holding: { pid, startBootUs, interestId, connections, passId: 9 } };
}

function counters(holdingsDropped: number): SensorRecord {
  const none = { ringDropped: 0, events: 0, markFailed: 0, retransmitsSeen: 0, keepaliveSeen: 0 };
  const report: CountersReport = { ...none, watchRejected: 0, countRejected: 0, holdingsDropped };
  return { type: 'counters', counters: report };
}

function sweep(totals: SweepTotals, records: readonly SensorRecord[], end: Partial<PassReport> = {}): void {
  for (const record of [pass('begin'), ...records, pass('end', end)]) {
    totals.take(record);
  }
}

describe('totals of a sweep', () => {
  test('nothing is known before the first one', () => {
    const { totals } = setStage();
    assert.equal(totals.ofProcess(OWNER), null);
    assert.equal(totals.ofDestination(OWNER, PEER), null);
    assert.equal(totals.ofListener(OWNER, 80), null);
    assert.equal(totals.ofPort(80), null);
    assert.equal(totals.ofPeer(PEER), null);
    assert.equal(totals.newConnections(PEER), null);
    assert.equal(totals.signsOf(PEER), null);
  });

  test('of a process, a destination, a listener and a peer', () => {
    const { totals } = setStage();
    sweep(totals, [
      holding(0, 12),
      holding(PEER_ID, 5),
      holding(LISTENER_ID, 4),
      interest(),
      interest({ interestId: LISTENER_ID, connections: 9 }),
    ]);
    assert.equal(totals.ofProcess(OWNER), 12);
    assert.equal(totals.ofDestination(OWNER, PEER), 5);
    assert.equal(totals.ofListener(OWNER, 80), 4);
    assert.equal(totals.ofPort(80), 9);
    assert.equal(totals.ofPort(81), null);
    assert.equal(totals.ofPeer(PEER), 10);
  });

  test('a process that was counted and has no connection to a peer has none; one that was not counted is unknown', () => {
    const { totals } = setStage();
    sweep(totals, [holding(0, 12), interest()]);
    assert.equal(totals.ofDestination(OWNER, PEER), 0);
    assert.equal(totals.ofDestination(OTHER, PEER), null);
    assert.equal(totals.ofProcess(OTHER), null);
  });

  test('another process of the same pid is another', () => {
    const { totals } = setStage();
    sweep(totals, [holding(0, 12)]);
    assert.equal(totals.ofProcess({ pid: OWNER.pid, startBootUs: OWNER.startBootUs + 1 }), null);
  });

  test('a peer that the sweep came too late for is unknown, though its processes are not', () => {
    const { totals } = setStage();
    sweep(totals, [holding(0, 12), holding(PEER_ID, 5)]);
    assert.equal(totals.ofDestination(OWNER, PEER), null);
    assert.equal(totals.ofPeer(PEER), null);
  });

  test('where rows had no room, a missing one is unknown', () => {
    const { totals } = setStage();
    sweep(totals, [holding(0, 12), interest()]);
    totals.take(counters(3));
    assert.equal(totals.ofDestination(OWNER, PEER), null);
    sweep(totals, [holding(0, 12), interest()]);
    totals.take(counters(3));
    assert.equal(totals.ofDestination(OWNER, PEER), 0, 'no more were lost since');
  });

  test('a sweep that runs, or was cut short, changes nothing; refreshes have no totals', () => {
    const { totals } = setStage();
    sweep(totals, [holding(0, 12), interest()]);
    sweep(totals, [holding(0, 1), interest({ connections: 1 })], { error: 12 });
    totals.take(pass('begin'));
    totals.take(interest({ connections: 2 }));
    totals.take(pass('end', { kind: 'refresh' }));
    assert.equal(totals.ofPeer(PEER), 10);
    assert.equal(totals.ofProcess(OWNER), 12);
    totals.take(pass('end'));
    assert.equal(totals.ofPeer(PEER), 2);
    assert.equal(totals.ofProcess(OWNER), null);
  });

  test('signs: attempts under way, and when the peer was heard', () => {
    const { totals } = setStage();
    sweep(totals, [interest({ connecting: 3, heardAgeJiffies: 500 })]);
    assert.deepEqual(totals.signsOf(PEER), { connecting: 3, lastHeardUs: SWEEP_END_US - 2_000_000 });
    sweep(totals, [interest()]);
    assert.deepEqual(totals.signsOf(PEER), { connecting: 0, lastHeardUs: null });
  });
});

describe('new connections', () => {
  const first = { succeeded: 2, failed: 1, lastSuccessUs: 700, lastFailureUs: 600 };

  test('as the sensor counts them; times that never were are unknown', () => {
    const { totals } = setStage();
    sweep(totals, [interest()]);
    const none = { succeeded: 0, failed: 0, lastSuccessUs: null, lastFailureUs: null };
    assert.deepEqual(totals.newConnections(PEER), none);
    sweep(totals, [interest(first)]);
    assert.deepEqual(totals.newConnections(PEER), first);
  });

  test('those that earlier sensors saw are not forgotten, and nothing else outlives a sensor', () => {
    const { totals } = setStage();
    sweep(totals, [holding(0, 12), interest(first)]);
    totals.sensorDown();
    assert.equal(totals.ofPeer(PEER), null);
    assert.equal(totals.ofProcess(OWNER), null);
    assert.deepEqual(totals.newConnections(PEER), first);
    totals.sensorUp(250);
    sweep(totals, [interest({ failed: 4, lastFailureUs: 900 })]);
    const both = { succeeded: 2, failed: 5, lastSuccessUs: 700, lastFailureUs: 900 };
    assert.deepEqual(totals.newConnections(PEER), both);
    totals.sensorDown();
    assert.deepEqual(totals.newConnections(PEER), both);
  });
});
