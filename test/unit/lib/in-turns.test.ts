/** Proves that long work comes to what it comes to in one go, and that others get their turn in between. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { forEachInTurns, sortInTurns } from '../../../daemon/lib/in-turns.js';

/** @returns how often others had a turn while it ran. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    if (!isOver) {
      turns++;
      setImmediate(turn);
    }
  };
  setImmediate(turn);
  await work;
  isOver = true;
  return turns;
}

describe('forEachInTurns', () => {
  test('visits each once, in order', async () => {
    const items = Array.from({ length: 1234 }, (_, index) => index);
    const visited: number[] = [];
    await forEachInTurns(items, (item) => {
      visited.push(item);
    });
    assert.deepEqual(visited, items);
  });

  test('others get their turn in between', async () => {
    const items = new Array<number>(10_000).fill(0);
    assert.ok((await turnsDuring(forEachInTurns(items, () => undefined))) >= 10);
  });
});

describe('sortInTurns', () => {
  for (const length of [0, 1, 499, 500, 501, 1500, 4321]) {
    test(`${length} items, of which many are equal, as sort() has them`, async () => {
      const items = Array.from({ length }, (_, index) => ({ rank: (index * 7919) % 97, index }));
      const byRank = (a: { rank: number }, b: { rank: number }): number => a.rank - b.rank;
      assert.deepEqual(await sortInTurns(items, byRank), [...items].sort(byRank));
    });
  }

  test('others get their turn in between', async () => {
    const items = Array.from({ length: 10_000 }, (_, index) => (index * 7919) % 10_007);
    assert.ok((await turnsDuring(sortInTurns(items, (a, b) => a - b))) >= 20);
  });
});
