/**
 * Proves that the cost of a hit is told from the kernel's running totals, and that a run which was interrupted does not
 * spoil it. Cannot prove that the kernel counts well.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCounts, type ProgramCount } from '../../bench/bpf-programs.js';
import { compareHits } from '../../bench/hit-cost.js';

function sample(runs: number, programNs: number, emptyNs: number): Map<string, ProgramCount> {
  return new Map([
    ['mine', { runs, nanoseconds: programNs }],
    ['empty', { runs, nanoseconds: emptyNs }],
  ]);
}

test('the cost is a difference of totals, whatever was counted before', () => {
  const cost = compareHits([sample(1000, 777_000, 555), sample(1100, 784_000, 5555)], 'mine', 'empty');
  assert.deepEqual(cost, { hits: 100, nsPerHit: 70, emptyNsPerHit: 50, ratioVsEmpty: 1.4 });
});

test('one slice that was interrupted changes nothing', () => {
  const samples = [
    sample(0, 0, 0),
    sample(100, 7000, 5000),
    sample(200, 14_000, 10_000),
    sample(300, 14_000 + 4_000_000, 15_000),
  ];
  assert.deepEqual(compareHits(samples, 'mine', 'empty'), {
    hits: 300,
    nsPerHit: 70,
    emptyNsPerHit: 50,
    ratioVsEmpty: 1.4,
  });
});

test('slices without or with hardly any hits are left out', () => {
  const samples = [sample(0, 0, 0), sample(0, 0, 0), sample(1, 90_000, 50), sample(101, 97_000, 5050)];
  assert.deepEqual(compareHits(samples, 'mine', 'empty'), {
    hits: 100,
    nsPerHit: 70,
    emptyNsPerHit: 50,
    ratioVsEmpty: 1.4,
  });
});

test('no hits, or a program that is not there, is an error and no number', () => {
  assert.throws(() => compareHits([sample(5, 5, 5), sample(5, 5, 5)], 'mine', 'empty'), /too few hits/);
  const onlyEmptyHit = sample(200, 0, 9).set('mine', { runs: 5, nanoseconds: 5 });
  assert.throws(() => compareHits([sample(5, 5, 5), onlyEmptyHit], 'mine', 'empty'), /too few hits/);
  assert.throws(() => compareHits([], 'mine', 'empty'), /too few hits/);
  assert.throws(() => compareHits([sample(0, 0, 0), sample(100, 1, 1)], 'other', 'empty'), /other.*not attached/);
});

test('the counts of several programs are read from one line', () => {
  assert.deepEqual(
    parseCounts(['12', 'on_timer', '5', '250', '13', 'nop_timer', '6', '180']),
    new Map([
      ['on_timer', { runs: 5, nanoseconds: 250 }],
      ['nop_timer', { runs: 6, nanoseconds: 180 }],
    ]),
  );
  assert.equal(parseCounts([]).size, 0);
});
