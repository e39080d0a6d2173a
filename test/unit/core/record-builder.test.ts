/** Proves what a record says about bytes, progress, ids and directions: SYN and FIN take sequence numbers, but are no bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STUCK_KINDS } from '../../../daemon/core/kinds.js';
import { tickClock } from '../../../daemon/core/jiffies.js';
import { OWNER_PENDING } from '../../../daemon/core/ownership.js';
import { buildRecord, directionOf, recordId } from '../../../daemon/core/record-builder.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { TCP_STATE } from '../../../daemon/core/snapshot.js';
import { playScenario } from '../../support/scenario.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

function recordOf(facts: SnapshotFacts): StuckRecord {
  const findings = {
    kind: 'retransmitting',
    since: { timeUs: 0, atLeast: false },
    ownership: OWNER_PENDING,
    giveUp: null,
    timeline: [],
  } as const;
  const identity = { id: 'id', previousId: null, direction: 'outbound', detectedUs: 0, detectedGiveUp: null } as const;
  const socket = snapshotAt(TEST_KERNEL, 1, facts);
  return buildRecord(identity, findings, socket, tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0)));
}

/** @returns unacknowledged, unsent and unread bytes. */
function bytes(facts: SnapshotFacts): readonly number[] {
  const { unackedBytes, unsentBytes, unreadBytes } = recordOf(facts);
  return [unackedBytes, unsentBytes, unreadBytes];
}

void test('data in flight, data queued, data unread', () => {
  assert.deepEqual(bytes({ sndUna: 10, sndNxt: 110, writeSeq: 150, copiedSeq: 5, rcvNxt: 12 }), [100, 40, 7]);
});

void test('a SYN in flight is no byte', () => {
  assert.deepEqual(bytes({ state: TCP_STATE.SYN_SENT, sndUna: 10, sndNxt: 11, writeSeq: 11 }), [0, 0, 0]);
});

void test('our FIN in flight, or still queued behind data, is no byte', () => {
  const state = TCP_STATE.FIN_WAIT1;
  assert.deepEqual(bytes({ state, sndUna: 10, sndNxt: 111, writeSeq: 111 }), [100, 0, 0]);
  assert.deepEqual(bytes({ state, sndUna: 10, sndNxt: 60, writeSeq: 111 }), [50, 50, 0]);
});

void test('the event of close() comes before the FIN is queued', () => {
  const close: SnapshotFacts = { cause: 'state', oldState: TCP_STATE.ESTABLISHED, state: TCP_STATE.FIN_WAIT1 };
  assert.deepEqual(bytes({ ...close, sndUna: 10, sndNxt: 110, writeSeq: 110 }), [100, 0, 0]);
});

void test("the peer's FIN is no byte to read", () => {
  assert.deepEqual(bytes({ state: TCP_STATE.CLOSE_WAIT, copiedSeq: 5, rcvNxt: 13 }), [0, 0, 7]);
  assert.deepEqual(bytes({ state: TCP_STATE.CLOSE_WAIT, copiedSeq: 13, rcvNxt: 13 }), [0, 0, 0]);
});

void test('what was never heard of has no time of progress, in whatever state the kernel has left it', () => {
  const unheard = { rcvTstampJiffies32: 0, lrcvtimeJiffies32: 0 };
  assert.equal(recordOf({ ...unheard, state: TCP_STATE.SYN_SENT }).lastProgressUs, null);
  // As of a SYN that was never answered, once the kernel has given up: the stamps would be read as five minutes after boot.
  assert.equal(recordOf({ ...unheard, state: TCP_STATE.CLOSE }).lastProgressUs, null);
  assert.notEqual(recordOf({ state: TCP_STATE.CLOSE, ackedAt: -2 }).lastProgressUs, null);
  assert.equal(
    recordOf({ rcvTstampJiffies32: 0, dataAt: -2 }).lastProgressUs,
    recordOf({ ackedAt: -2 }).lastProgressUs,
    'data alone is a sign',
  );
});

void test('ids sort by time and are made of time and cookie', () => {
  assert.equal(recordId(1_800_000_000_000, 35n), `${(1_800_000_000_000).toString(36)}-z`);
  assert.ok(recordId(1_800_000_000_000, 99n) < recordId(1_800_000_000_001, 1n));
});

void test('who connects is the caller, even from a port on which somebody listens', () => {
  assert.equal(directionOf(snapshotAt(TEST_KERNEL, 0, { inbound: true })), 'inbound');
  assert.equal(directionOf(snapshotAt(TEST_KERNEL, 0, { inbound: true, state: TCP_STATE.SYN_SENT })), 'outbound');
});

void test('open records are counted by kind, with a zero for every other kind', () => {
  const { state } = playScenario(
    `
    0.0     up                                          =>
    1.428   A retransmit retransmits=3                  => A opened retransmitting since=0.204 pending; request sweep
    1.428   B retransmit retransmits=3                  => B opened retransmitting since=0.204 pending`,
    { sockets: 'inflight acked=-0.05 stamp=0.204 lost=3 rto=0.816' },
  );
  assert.deepEqual(
    [...state.stuckByKind],
    STUCK_KINDS.map((kind) => [kind, kind === 'retransmitting' ? 2 : 0]),
  );
});
