/**
 * Proves how a RST, or a close, is told apart from others as the end of a request on a connection that was no more. The
 * stamps are those of one snapshot; that a kernel leaves them like this is shown by the kernel tests.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickClock } from '../../../daemon/core/jiffies.js';
import { TCP_STATE } from '../../../daemon/core/snapshot.js';
import { staleReuseOf } from '../../../daemon/core/stale-reuse.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const TICKS = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
const LIMIT_US = 5_000_000;

/** The last answer came at 0, the request was sent at 5, the RST is here at 5.02. */
const RESET: SnapshotFacts = {
  cause: 'reset_received',
  dataAt: 0,
  ackedAt: 0,
  sentAt: 5,
  sndNxt: 1100,
  writeSeq: 1100,
  packetsOut: 1,
};
const HALF_CLOSED: SnapshotFacts = { ...RESET, state: TCP_STATE.CLOSE_WAIT };
const CLOSED_ON_FIN: SnapshotFacts = {
  ...RESET,
  cause: 'state',
  state: TCP_STATE.LAST_ACK,
  oldState: TCP_STATE.CLOSE_WAIT,
  ackedAt: 5.01,
};

function reuseOf(facts: SnapshotFacts, limitUs: number | null = null, second = 5.02): string | null {
  const reuse = staleReuseOf(snapshotAt(TEST_KERNEL, second, facts), limitUs, 1000, TICKS);
  return reuse && `${reuse.how} ${reuse.idleUs / 1_000_000}`;
}

const CASES: readonly (readonly [facts: SnapshotFacts, expected: string | null, why: string])[] = [
  [RESET, 'forgotten 5', 'a RST, and never a FIN'],
  [{ ...HALF_CLOSED, ackedAt: 4 }, 'closed_before 5', 'the FIN was here a second before the request'],
  [{ ...HALF_CLOSED, ackedAt: 5.01 }, 'closed_during 5', 'the FIN came after the request'],
  [{ ...HALF_CLOSED, ackedAt: 5 }, 'closed_during 5', 'the FIN came in the tick of the request: in doubt a race'],
  [{ ...HALF_CLOSED, state: TCP_STATE.LAST_ACK, ackedAt: 4 }, 'closed_before 5', 'closed before the RST came'],
  [CLOSED_ON_FIN, 'closed_during 5', 'the application closes on a FIN that came instead of an answer'],
  [
    { ...CLOSED_ON_FIN, ackedAt: 4 },
    null,
    'it closes at once after it wrote into the half-closed connection: wait for the RST',
  ],
  [{ ...RESET, sentAt: 0.5 }, null, 'the pause was too short'],
  [{ ...RESET, sentAt: 4.9 }, null, 'the RST came too late to be the answer'],
  [{ ...RESET, sentAt: 4.9, srttUs: 50_000 }, 'forgotten 4.9', 'but not over a long path'],
  [{ ...RESET, dataAt: 5.01 }, null, 'something was answered'],
  [{ ...RESET, bytesReceived: 0 }, null, 'never used before'],
  [{ ...RESET, inbound: true }, null, 'a client of ours'],
  [{ ...RESET, retransmits: 1 }, null, 'a RST for a retransmission is the end of a black hole'],
  [{ ...RESET, cause: 'error' }, null, 'no RST'],
  [{ ...RESET, sndUna: 1100 }, null, 'the request was acknowledged'],
  [{ ...RESET, ackedAt: 4.99 }, null, 'it sent all the while: only the answers were rare'],
  [
    { ...RESET, state: TCP_STATE.FIN_WAIT1, ackedAt: 5.01 },
    null,
    'we closed first, and our own kernel resets what comes',
  ],
  [
    { ...HALF_CLOSED, state: TCP_STATE.LAST_ACK, ackedAt: 5.01 },
    null,
    'the RST for a request that crossed the FIN, when the application has closed on it: the close told',
  ],
  [{ ...CLOSED_ON_FIN, writeSeq: 1031, ackedAt: 5 }, null, 'a close_notify in answer to the FIN'],
  [{ ...CLOSED_ON_FIN, writeSeq: 1031 }, 'closed_during 5', 'a small request that crossed the FIN'],
  [{ ...HALF_CLOSED, state: TCP_STATE.LAST_ACK, ackedAt: 4, writeSeq: 1032 }, null, 'and the RST for it'],
];

for (const [facts, expected, why] of CASES) {
  test(`${expected ?? 'no reuse'}: ${why}`, () => {
    assert.equal(reuseOf(facts), expected);
  });
}

test('without a FIN, at the age at which this peer closes, it was a race', () => {
  assert.equal(reuseOf(RESET, LIMIT_US), 'closed_during 5');
  assert.equal(reuseOf({ ...RESET, sentAt: 8 }, LIMIT_US, 8.02), 'forgotten 8');
});
