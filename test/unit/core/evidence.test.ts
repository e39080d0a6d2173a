/**
 * Proves the parts of the evidence rule one by one: what counts as an RTO, the loss before the episode, and the chance
 * that a healthy connection looks the same. That the rule is silent on a real lossy link is for the kernel tests to show.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chanceIfHealthy,
  countedRtos,
  fulfilsEvidenceRule,
  lossBefore,
  type LossHistory,
  wasHeard,
} from '../../../daemon/core/evidence.js';
import { tickClock } from '../../../daemon/core/jiffies.js';
import { CA_STATE, PENDING } from '../../../daemon/core/snapshot.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const TICKS = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
const RULE = { retransmits: 3, chance: 1e-4 };
const IN_RTO_TIMER: SnapshotFacts = { cause: 'retransmit', caState: CA_STATE.LOSS, pending: PENDING.NONE };

void test('an RTO counts if it backed off: what the local queue dropped does not', () => {
  const counted = (facts: SnapshotFacts): number => countedRtos(snapshotAt(TEST_KERNEL, 2, facts));
  assert.equal(counted({ retransmits: 3, backoff: 3 }), 3);
  assert.equal(counted({ retransmits: 3, backoff: 1 }), 1);
  assert.equal(counted({ retransmits: 3, backoff: 2, ...IN_RTO_TIMER }), 3);
  assert.equal(counted({ retransmits: 3, backoff: 2 }), 2);
  // Left over from before: without timestamps an inflated RTO survives recovery.
  assert.equal(counted({ retransmits: 1, backoff: 9 }), 1);
});

void test('thin streams back off late, ICMP errors revert the backoff: there every RTO counts', () => {
  const base = snapshotAt(TEST_KERNEL, 2, { retransmits: 5, backoff: 0 });
  assert.equal(countedRtos({ ...base, thinLto: true }), 5);
  assert.equal(countedRtos({ ...base, sysctls: { ...base.sysctls, thinLinearTimeouts: true } }), 5);
  assert.equal(countedRtos({ ...base, skErrSoft: 113 }), 5);
});

void test('the loss before the episode leaves out the episode and its tail loss probe', () => {
  const loss = (facts: SnapshotFacts): LossHistory => lossBefore(snapshotAt(TEST_KERNEL, 2, facts));
  assert.deepEqual(loss({ retransmits: 3, totalRetrans: 3, dataSegsOut: 3 }), { lost: 0, sent: 0 });
  assert.deepEqual(loss({ retransmits: 3, totalRetrans: 4, dataSegsOut: 4, tlpRetrans: true }), { lost: 0, sent: 0 });
  assert.deepEqual(loss({ retransmits: 3, totalRetrans: 13, dataSegsOut: 53 }), { lost: 10, sent: 50 });
  // Retransmissions of a SYN are no data segments: there are never more losses than segments.
  assert.deepEqual(loss({ retransmits: 0, totalRetrans: 500, dataSegsOut: 0 }), { lost: 0, sent: 0 });
});

const NEEDED: readonly [lost: number, sent: number, rtos: number][] = [
  // A path that is clean or unknown.
  [0, 0, 3],
  [0, 10, 3],
  // A loss now and then, as on most paths of the internet.
  [1, 50, 3],
  [1, 100, 3],
  [10, 1000, 3],
  // A bad path.
  [5, 100, 4],
  [100, 1000, 4],
  // 30 %, learnt from more and more segments.
  [3, 10, 5],
  [15, 50, 7],
  [60, 200, 8],
  [3000, 10_000, 8],
  // An outage of six RTOs on a young connection, and on one that has gone on for a while.
  [6, 8, 7],
  [6, 50, 4],
];

for (const [lost, sent, rtos] of NEEDED) {
  void test(`${rtos} RTOs in a row are beyond chance where ${lost} of ${sent} segments were lost`, () => {
    assert.ok(chanceIfHealthy({ lost, sent }, rtos) < RULE.chance);
    assert.ok(chanceIfHealthy({ lost, sent }, rtos - 1) >= RULE.chance);
  });
}

void test('the chance is the predictive probability: an average over all loss rates that the history allows', () => {
  // Beta(2.6, 37.4), integrated step by step: the posterior of 2 losses of 10 segments under the prior.
  const steps = 200_000;
  let [weight, chance] = [0, 0];
  for (let step = 1; step < steps; step++) {
    const loss = step / steps;
    const density = loss ** 1.6 * (1 - loss) ** 36.4;
    weight += density;
    chance += density * loss ** 4;
  }
  assert.ok(Math.abs(chanceIfHealthy({ lost: 2, sent: 10 }, 4) / (chance / weight) - 1) < 1e-4);
});

void test('all three conditions must hold', () => {
  const blackHole: SnapshotFacts = {
    ...IN_RTO_TIMER,
    retransmits: 3,
    backoff: 2,
    packetsOut: 1,
    totalRetrans: 3,
    ackedAt: -0.1,
    retransAt: 0.204,
    rtoSeconds: 0.816,
  };
  const fulfils = (facts: SnapshotFacts, rule = RULE): boolean =>
    fulfilsEvidenceRule(snapshotAt(TEST_KERNEL, 1.428, { ...blackHole, ...facts }), rule, TICKS);
  assert.equal(fulfils({}), true);
  assert.equal(fulfils({}, { ...RULE, retransmits: 4 }), false);
  assert.equal(fulfils({ totalRetrans: 18, dataSegsOut: 53 }), false);
  assert.equal(fulfils({}, { ...RULE, chance: 1e-9 }), false);
  assert.equal(fulfils({ ackedAt: 1 }), false);
});

void test('an ACK in the jiffy of the first RTO, or in the next, may have come before it', () => {
  const heard = (ackedAt: number): boolean =>
    wasHeard(snapshotAt(TEST_KERNEL, 5, { retransmits: 3, ackedAt, firstRtoAt: 0.2 }), TICKS);
  assert.equal(heard(0.2), false);
  assert.equal(heard(0.204), false);
  assert.equal(heard(0.208), true);
  // Silence of weeks is no sign of life, though the stamp looks as if it lay ahead.
  assert.equal(heard(-3600 * 24 * 120), false);
});
