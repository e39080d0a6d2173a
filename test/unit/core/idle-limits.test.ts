/** Proves what is learnt of a peer from the idle times after which it closed. That FINs are seen is shown by kernel tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleLimits } from '../../../daemon/core/idle-limits.js';

const PEER = { address: '10.0.0.2', port: 8000 };
const S = 1_000_000;

function learnt(...idleSeconds: readonly number[]): number | null {
  const limits = new IdleLimits(10);
  idleSeconds.forEach((seconds, index) => {
    limits.learn(1, PEER, seconds * S, index * S);
  });
  const limitUs = limits.limitUs(1, PEER);
  return limitUs === null ? null : limitUs / S;
}

const CASES: readonly (readonly [idleSeconds: readonly number[], limit: number | null, why: string])[] = [
  [[], null, 'nothing was seen'],
  [[5], null, 'one FIN may have another reason'],
  [[5.2, 5.0], 5.0, 'two that agree: the shorter one, since it may happen that early'],
  [[5, 60], null, 'two that do not agree'],
  [[5.0, 5.1, 2], 5.0, 'most of them agree'],
  [[5.0, 5.1, 2, 9], null, 'half of them is not most'],
  [[350, 380], 350, 'the tolerance grows with the limit'],
  [[1.4, 1.9], 1.4, 'and is at least half a second'],
  [[5, 5, 5, 5, 5, 9, 9, 9, 9, 9], 9, 'a setting that was changed: the newest eight count'],
];

for (const [idleSeconds, limit, why] of CASES) {
  test(`${idleSeconds.join(', ') || 'nothing'}: ${why}`, () => {
    assert.equal(learnt(...idleSeconds), limit);
  });
}

test('each peer, and each namespace, has its own limit', () => {
  const limits = new IdleLimits(10);
  for (const [netns, port] of [
    [1, 8000],
    [1, 8000],
    [2, 8000],
    [1, 8001],
  ] as const) {
    limits.learn(netns, { ...PEER, port }, 5 * S, 0);
  }
  assert.deepEqual(
    [limits.limitUs(1, PEER), limits.limitUs(2, PEER), limits.limitUs(1, { ...PEER, port: 8001 })],
    [5 * S, null, null],
  );
});

test('the peer that closed last comes first; beyond the bound the oldest is forgotten', () => {
  const limits = new IdleLimits(2);
  for (const port of [1, 2, 3, 2]) {
    limits.learn(1, { ...PEER, port }, 5 * S, port);
    limits.learn(1, { ...PEER, port }, 5 * S, port);
  }
  assert.deepEqual(
    limits.all().map(({ peer, limitUs, seen }) => [peer.port, limitUs / S, seen]),
    [
      [2, 5, 4],
      [3, 5, 2],
    ],
  );
  assert.equal(limits.limitUs(1, { ...PEER, port: 1 }), null);
});
