/**
 * Proves what is concluded of a polled socket that is gone, from the last look and from what was told as it was destroyed; and
 * that a stamp which a second look finds a jiffy earlier is no ACK. The life of records around it is in the scenarios.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOf } from '../../../daemon/core/outcome.js';
import { type PolledBefore, polledEnd } from '../../../daemon/core/polled-end.js';
import type { GiveUp } from '../../../daemon/core/record.js';
import { TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const US = 1_000_000;
const T0 = TEST_KERNEL.monoUs;

function at(second: number, facts: SnapshotFacts = {}): SocketSnapshot {
  return snapshotAt(TEST_KERNEL, second, { polled: true, sndNxt: 1100, writeSeq: 1100, packetsOut: 1, ...facts });
}

function givesUpAt(second: number): GiveUp {
  const rest = { reason: 'tcp_retries2', retransmitsLeft: 1, expectedError: 'ETIMEDOUT' } as const;
  return { never: false, timeUs: T0 + second * US, latestTimeUs: null, supposes: ['user_timeout'], ...rest };
}

const ORPHAN: SnapshotFacts = { state: TCP_STATE.FIN_WAIT1, dead: true, hasFile: false, hasSocket: false };
const DESTROYED: SnapshotFacts = { ...ORPHAN, cause: 'destroy', state: TCP_STATE.CLOSE };
const ANSWERED: SnapshotFacts = { sndUna: 1100, bytesAcked: 1100 };

function known(socket: SocketSnapshot, isHeld = true): PolledBefore {
  return { socket, knownUs: socket.monoUs, isHeld };
}

test('just before its time, or after it, the kernel gave up; well before it did not', () => {
  const outcomeAt = (second: number): string =>
    polledEnd('retransmitting', known(at(5)), null, givesUpAt(20), T0 + second * US).outcome;
  assert.deepEqual([19.4, 19.6, 21, 60].map(outcomeAt), ['lost_track', 'timed_out', 'timed_out', 'timed_out']);
});

test('what nobody looked at for long may have ended in any way', () => {
  for (const kind of ['retransmitting', 'close_wait'] as const) {
    const { outcome, text } = polledEnd(kind, known(at(5)), null, givesUpAt(20), T0 + 10_805 * US);
    assert.equal(outcome, 'lost_track');
    assert.match(text, /nobody looked meanwhile \(between two looks 3 h apart\)/);
  }
});

test('an orphan that was acknowledged as it was destroyed has recovered, also after its time', () => {
  const answered = at(7, { ...DESTROYED, ...ANSWERED, state: TCP_STATE.TIME_WAIT });
  for (const giveUp of [givesUpAt(20), givesUpAt(6), null]) {
    assert.equal(polledEnd('closing', known(at(5, ORPHAN)), answered, giveUp, T0 + 7 * US).outcome, 'recovered');
  }
  const half = at(7, { ...DESTROYED, sndUna: 1050, bytesAcked: 1050 });
  assert.equal(polledEnd('closing', known(at(5, ORPHAN)), half, givesUpAt(20), T0 + 7 * US).outcome, 'lost_track');
});

test('what was destroyed is held by nobody: a half-closed connection was closed by its application', () => {
  const before = at(5, { state: TCP_STATE.CLOSE_WAIT });
  const destroyed = at(6, { cause: 'destroy', state: TCP_STATE.CLOSE, shutdown: 3 });
  const { outcome, text } = polledEnd('close_wait', known(before), destroyed, { never: true }, T0 + 6 * US);
  assert.equal(outcome, 'closed_by_application');
  assert.match(
    text,
    /its descriptor was closed, by the application or as its process exited, between two looks 1 s apart/,
  );
  const unheld = polledEnd('close_wait', known(before, false), destroyed, { never: true }, T0 + 6 * US);
  assert.equal(unheld.outcome, 'lost_track', 'nobody was known to hold it');
  const left = { ...destroyed, cause: 'sweep' } as const;
  assert.match(polledEnd('close_wait', known(before), left, null, T0 + 6 * US).text, /with its descriptor still open/);
});

test('a stamp that a second look finds a jiffy earlier is no ACK; a later one is', () => {
  const facts = { sndNxt: 1000, writeSeq: 1000, packetsOut: 0, keepalive: true, probesOut: 2 };
  const before = at(5, { ...facts, ackedAt: 1.004 });
  assert.equal(outcomeOf('keepalive_unanswered', before, at(6, { ...facts, ackedAt: 1 })), null);
  assert.equal(outcomeOf('keepalive_unanswered', before, at(6, { ...facts, ackedAt: 1.4 })), null, 'read late');
  assert.equal(outcomeOf('keepalive_unanswered', before, at(6, { ...facts, ackedAt: 5.5 })), 'recovered');
});
