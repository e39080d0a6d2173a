/**
 * Proves that the figures of the benchmarks are computed as the contract defines them, and that a benchmark which
 * measured nothing fails instead of reporting a number. Cannot prove that what goes in was measured well.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  distribution,
  leastSquaresSlope,
  median,
  ratio,
  ratioVsSs,
  significant,
  slopeUs,
} from '../../bench/statistics.js';

describe('median', () => {
  const cases: readonly (readonly [values: readonly number[], expected: number])[] = [
    [[7], 7],
    [[3, 1], 2],
    [[10, 9, 100], 10],
    [[4, 1, 3, 2], 2.5],
    [[100, 20, 3], 20], // as text, 100 would come first
  ];
  for (const [values, expected] of cases) {
    test(`of ${values.join(', ')} is ${expected}`, () => {
      assert.equal(median(values), expected);
    });
  }

  test('of nothing is an error', () => {
    assert.throws(() => median([]), RangeError);
  });

  test('leaves its argument as it was', () => {
    const values = [3, 1, 2];
    median(values);
    assert.deepEqual(values, [3, 1, 2]);
  });
});

test('a distribution has the extremes, the median and how many there were', () => {
  assert.deepEqual(distribution([5, 1, 9, 2]), { min: 1, median: 3.5, max: 9, runs: 4 });
  assert.throws(() => distribution([]), RangeError);
});

test('a ratio needs something to divide by', () => {
  assert.equal(ratio(6, 4), 1.5);
  assert.throws(() => ratio(1, 0), RangeError);
  assert.throws(() => ratio(1, Number.NaN), RangeError);
  assert.throws(() => ratio(Number.NaN, 1), RangeError);
});

describe('ratioVsSs', () => {
  test('compares the time for one connection with the time for one socket', () => {
    // 25 us for a connection that ss prints, 0.5 us for a socket that the sweep visits.
    assert.equal(ratioVsSs({ wallMs: 250, count: 10_000 }, { wallMs: 10, count: 20_000 }), 50);
  });

  test('is an error if one of the two listed nothing', () => {
    assert.throws(() => ratioVsSs({ wallMs: 250, count: 0 }, { wallMs: 10, count: 20_000 }), RangeError);
    assert.throws(() => ratioVsSs({ wallMs: 250, count: 10 }, { wallMs: 10, count: 0 }), RangeError);
  });
});

test('a slope is what one thing more adds, whatever the start costs', () => {
  assert.equal(slopeUs({ wallMs: 8, count: 1000 }, { wallMs: 17, count: 10_000 }), 1);
  assert.throws(() => slopeUs({ wallMs: 8, count: 1000 }, { wallMs: 9, count: 1000 }), RangeError);
});

test('the slope of many points is that of the line nearest to them', () => {
  const points = [1, 2, 3, 4].map((x) => ({ x, y: 100 - 7 * x }));
  assert.equal(leastSquaresSlope(points), -7);
  // Two that lie above and below the line by as much change nothing.
  assert.equal(leastSquaresSlope([...points, { x: 2.5, y: 90 }, { x: 2.5, y: 75 }]), -7);
  assert.throws(() => leastSquaresSlope([{ x: 1, y: 1 }]), RangeError);
  assert.throws(() => leastSquaresSlope([]), RangeError);
});

test('figures keep four digits', () => {
  assert.equal(significant(1234.567), 1235);
  assert.equal(significant(0.000123456), 0.0001235);
  assert.equal(significant(20_019.4, 2), 20_000);
});
