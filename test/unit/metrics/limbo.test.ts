// Proves the edges of the time in limbo that a life of records as it should be does not show: an end that is told twice, or that
// lies before this run, and an end of what was never open. How it adds up otherwise is shown in record-metrics.test.ts.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Limbo } from '../../../daemon/metrics/limbo.js';
import { createRecord } from '../rpc/sample-records.js';

const START_US = 1000;
const OPEN = createRecord({ id: 'a', kind: 'unread', sinceUs: START_US + 100 });

let limbo: Limbo;

beforeEach(() => {
  limbo = new Limbo(START_US);
});

test('an end that is told twice counts once', () => {
  limbo.follow(OPEN, START_US + 100);
  limbo.end(OPEN, START_US + 150);
  limbo.end(OPEN, START_US + 190);
  assert.equal(limbo.totalUs('unread', START_US + 1000), 50);
});

test('an end before this run takes nothing away from others', () => {
  const old = createRecord({ id: 'b', kind: 'unread', sinceUs: START_US - 500 });
  limbo.follow(OPEN, START_US + 100);
  limbo.follow(old, START_US);
  limbo.end(old, START_US - 200);
  assert.equal(limbo.totalUs('unread', START_US + 130), 30);
});

test('the end of what was never open is nothing', () => {
  limbo.end(OPEN, START_US + 150);
  assert.equal(limbo.totalUs('unread', START_US + 150), 0);
});
