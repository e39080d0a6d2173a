// Proves the sequence of waiting times. Not that anybody waits: see sensor-supervisor.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../../daemon/lib/backoff.js';

const MIN_MS = 100;
const MAX_MS = 1000;
const FORGET_MS = 60_000;

test('waits double up to the longest', () => {
  const backoff = new Backoff(MIN_MS, MAX_MS, FORGET_MS);
  const waits = Array.from({ length: 6 }, () => backoff.next(0));
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
});

test('a success that lasted long enough begins anew, a shorter one does not', () => {
  const backoff = new Backoff(MIN_MS, MAX_MS, FORGET_MS);
  assert.equal(backoff.next(0), 100);
  assert.equal(backoff.next(FORGET_MS - 1), 200);
  assert.equal(backoff.next(FORGET_MS), 100);
  assert.equal(backoff.next(0), 200);
});
