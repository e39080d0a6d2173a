// Proves which states of the deliveries are told as problems, and in which words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReceiverReport } from '../../../daemon/core/delivery.js';
import { deliveryProblems } from '../../../daemon/sinks/delivery-problems.js';

const well: ReceiverReport = {
  name: 'hook',
  pending: 0,
  oldestAgeMs: 0,
  delivered: 7,
  dead: 0,
  dropped: 0,
  failedAttempts: 0,
  lastError: '',
};
const table: readonly (readonly [string, Partial<ReceiverReport>, readonly string[]])[] = [
  ['all is well', {}, []],
  ['a short failure', { pending: 2, oldestAgeMs: 60_000, lastError: 'HTTP 500' }, []],
  [
    'a long one',
    { pending: 2, oldestAgeMs: 3_660_000, lastError: 'HTTP 500' },
    ['receiver hook: 2 messages wait, the oldest for 61 min (HTTP 500)'],
  ],
  [
    'dead letters',
    { dead: 3 },
    ['receiver hook: 3 messages were given up; "stuckctl deliveries --state dead" shows them'],
  ],
  ['drops', { dropped: 1 }, ['receiver hook: 1 messages were dropped because too many waited']],
];

for (const [name, changes, expected] of table) {
  test(name, () => {
    assert.deepEqual(deliveryProblems({ receivers: [{ ...well, ...changes }], notDurable: '' }), expected);
  });
}

test('a disk that is full', () => {
  const [first] = deliveryProblems({ receivers: [well], notDurable: 'ENOSPC: no space left on device' });
  assert.match(first ?? '', /in memory only.*ENOSPC/);
});
