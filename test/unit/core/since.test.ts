/** Proves since when a connection counts as stuck, by the stamps and timers of one snapshot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickClock } from '../../../daemon/core/jiffies.js';
import {
  connectingSince,
  finUnackedAtLeastSince,
  keepaliveSince,
  retransmittingSince,
  type Since,
} from '../../../daemon/core/since.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import type { TickClock } from '../../../daemon/core/jiffies.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const TICKS = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));

/** @returns seconds of the story, with ">=" where it is a bound. */
function at10(since: (socket: SocketSnapshot, ticks: TickClock) => Since, facts: SnapshotFacts): string {
  const { timeUs, atLeast } = since(snapshotAt(TEST_KERNEL, 10, facts), TICKS);
  return `${atLeast ? '>=' : '='}${(timeUs - TEST_KERNEL.monoUs) / 1_000_000}`;
}

void test('retransmitting: the first retransmission, unless something was acknowledged after it', () => {
  const base: SnapshotFacts = { retransmits: 3, pending: PENDING.RETRANS, rtoSeconds: 1.6, writeTimerAt: 10.4 };
  assert.equal(at10(retransmittingSince, { ...base, retransAt: 7.6, ackedAt: 7 }), '=7.6');
  assert.equal(at10(retransmittingSince, { ...base, retransAt: 2, ackedAt: 7 }), '>=7.6');
  assert.equal(at10(retransmittingSince, { ...base, retransAt: 2, ackedAt: 7, firstRtoAt: 7.5 }), '=7.5');
});

void test('connecting: connect()', () => {
  const base: SnapshotFacts = { state: TCP_STATE.SYN_SENT, retransmits: 3, pending: PENDING.RETRANS, srttUs: 0 };
  assert.equal(at10(connectingSince, { ...base, retransAt: 6.5, rtoSeconds: 1, writeTimerAt: 10.5 }), '=6.5');
  assert.equal(at10(connectingSince, { ...base, rtoSeconds: 1, writeTimerAt: 10.5 }), '>=7.5');
});

void test('keepalive: the first probe', () => {
  const base: SnapshotFacts = { probesOut: 3, keepaliveIntvlJiffies: 250 };
  // Two intervals of 1 s before 9.5, each of which the wheel rounded up to a multiple of 32 ms.
  assert.equal(at10(keepaliveSince, { ...base, keepaliveTimerAt: 10.5 }), '=7.424');
  const due = snapshotAt(TEST_KERNEL, 9.996, {}).jiffies >>> 0;
  const running = { ...base, keepaliveTimer: { pending: false, expiresJiffies32: due, flags: 0 } };
  assert.equal(at10(keepaliveSince, running), '=6.944', 'its handler runs, late by a tick, and has not sent another');
  assert.equal(at10(keepaliveSince, base), '>=7.936');
});

void test('closing: from when on nothing can have acknowledged the FIN', () => {
  const fin: SnapshotFacts = { state: TCP_STATE.FIN_WAIT1 };
  assert.equal(at10(finUnackedAtLeastSince, { ...fin, retransAt: 4, ackedAt: 2 }), '>=4');
  assert.equal(at10(finUnackedAtLeastSince, { ...fin, retransAt: 4, ackedAt: 6 }), '>=6');
  const armed: SnapshotFacts = { ...fin, pending: PENDING.RETRANS, rtoSeconds: 1 };
  assert.equal(at10(finUnackedAtLeastSince, { ...armed, writeTimerAt: 10.4 }), '>=9.4');
  assert.equal(at10(finUnackedAtLeastSince, armed), '>=10');
  assert.equal(at10(finUnackedAtLeastSince, { ...armed, pending: PENDING.PROBE0, writeTimerAt: 10.4 }), '>=10');
});
