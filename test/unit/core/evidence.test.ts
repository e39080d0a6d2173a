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
  const loss = (facts: SnapshotFacts): number => lossBefore(snapshotAt(TEST_KERNEL, 2, facts));
  assert.equal(loss({ retransmits: 3, totalRetrans: 3, dataSegsOut: 3 }), 1 / 50);
  assert.equal(loss({ retransmits: 3, totalRetrans: 4, dataSegsOut: 4, tlpRetrans: true }), 1 / 50);
  assert.equal(loss({ retransmits: 3, totalRetrans: 13, dataSegsOut: 53 }), 11 / 100);
  // Retransmissions of a SYN are no data segments: the estimate never leaves its range.
  assert.equal(loss({ retransmits: 0, totalRetrans: 500, dataSegsOut: 0 }), 1);
});

void test('three RTOs suffice on a clean path, about eight at a loss of 30 %', () => {
  const needed = (loss: number): number => {
    let rtos = 1;
    while (chanceIfHealthy(loss, rtos) >= 1e-4) {
      rtos++;
    }
    return rtos;
  };
  assert.equal(needed(1 / 50), 3);
  assert.equal(needed(1 / 1000), 2);
  assert.equal(needed(0.3), 8);
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
  assert.equal(fulfils({ totalRetrans: 30 }), false);
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
