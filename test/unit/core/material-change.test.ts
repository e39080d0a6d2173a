/** Proves which changes of a record reach a client, and that the wandering of timers is none of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMaterialChange } from '../../../daemon/core/material-change.js';
import type { GiveUp, StuckRecord } from '../../../daemon/core/record.js';
import { playScenario } from '../../support/scenario.js';

const FORECAST = {
  never: false,
  timeUs: 900_000_000,
  latestTimeUs: 950_000_000,
  reason: 'tcp_retries2',
  retransmitsLeft: 12,
  expectedError: 'ETIMEDOUT',
} as const satisfies GiveUp;

function someRecord(): StuckRecord {
  const story = playScenario(
    '0 up =>\n 1.428 A retransmit retransmits=3 => A opened retransmitting since=0.204 pending; request sweep',
    { sockets: 'inflight acked=-0.05 stamp=0.204 lost=3 rto=0.816' },
  );
  const record = story.records.get('A');
  assert.ok(record);
  return { ...record, giveUp: FORECAST };
}

const BEFORE = someRecord();

function isTold(change: Partial<StuckRecord>): boolean {
  return isMaterialChange(BEFORE, { ...BEFORE, ...change });
}

void test('what a client sees and could act on', () => {
  assert.equal(isTold({ kind: 'closing' }), true);
  assert.equal(isTold({ state: 'CLOSE_WAIT' }), true);
  assert.equal(isTold({ ownerType: 'orphan' }), true);
  assert.equal(isTold({ retransmits: 4 }), true);
  assert.equal(isTold({ probes: 1 }), true);
  assert.equal(isTold({ unackedBytes: 1 }), true);
  assert.equal(isTold({ timeline: [] }), true);
  assert.equal(isTold({ options: { ...BEFORE.options, userTimeoutMs: 5 } }), true);
  assert.equal(isTold({ lastProgressUs: (BEFORE.lastProgressUs ?? 0) + 500_000 }), true);
});

void test('nothing new, or only the clocks', () => {
  assert.equal(isTold({}), false);
  assert.equal(isTold({ options: { ...BEFORE.options } }), false);
  assert.equal(isTold({ lastProgressUs: (BEFORE.lastProgressUs ?? 0) + 4000 }), false);
});

void test('another forecast, but not the same one a few ticks later', () => {
  const isForecastTold = (giveUp: GiveUp | null): boolean => isTold({ giveUp });
  assert.equal(isForecastTold({ ...FORECAST }), false);
  assert.equal(isForecastTold({ ...FORECAST, timeUs: FORECAST.timeUs + 8000 }), false);
  assert.equal(isForecastTold({ ...FORECAST, timeUs: FORECAST.timeUs + 200_000 }), true);
  assert.equal(isForecastTold({ ...FORECAST, latestTimeUs: null }), true);
  assert.equal(isForecastTold({ ...FORECAST, latestTimeUs: FORECAST.latestTimeUs + 200_000 }), true);
  assert.equal(isForecastTold({ ...FORECAST, reason: 'user_timeout' }), true);
  assert.equal(isForecastTold({ ...FORECAST, expectedError: 'EHOSTUNREACH' }), true);
  assert.equal(isForecastTold({ never: true }), true);
  assert.equal(isForecastTold(null), true);
  assert.equal(isMaterialChange({ ...BEFORE, giveUp: { never: true } }, { ...BEFORE, giveUp: { never: true } }), false);
  assert.equal(isMaterialChange({ ...BEFORE, giveUp: { never: true } }, BEFORE), true);
  assert.equal(isMaterialChange({ ...BEFORE, giveUp: null }, { ...BEFORE, giveUp: null }), false);
  assert.equal(isMaterialChange({ ...BEFORE, giveUp: null }, { ...BEFORE, giveUp: { never: true } }), true);
});
