/**
 * Proves how the cost of watching retransmissions is told: everything that it takes, for each retransmission, against
 * bpftrace where that is installed. Cannot prove that what goes in was measured well.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peakRate, type WatchCost } from '../../bench/retransmit-cost.js';
import { summarize } from '../../bench/retransmit-table.js';

function cost(given: Partial<WatchCost>): WatchCost {
  return { elapsedMs: 10_000, retransmits: 500_000, peakRate: 60_000, kernelMs: 20, processMs: 30, lost: {}, ...given };
}

test('the peak is the fullest time between two readings, whatever the pause before', () => {
  const samples = [
    { atMs: 0, retransmits: 100 },
    { atMs: 100, retransmits: 100 },
    { atMs: 200, retransmits: 10_100 },
    { atMs: 400, retransmits: 15_100 },
  ];
  assert.equal(peakRate(samples), 100_000);
  assert.equal(peakRate([]), 0);
});

test('what counts is kernel and processes together, for each retransmission, and the target is for all of it', () => {
  const atRest = cost({ elapsedMs: 5000, retransmits: 0, kernelMs: 0, processMs: 10 });
  const bpftrace = cost({ retransmits: 250_000, kernelMs: 2000, processMs: 500, lost: { lines: 7 } });
  const { rows, figures } = summarize(1000, { atRest, below: cost({}), bpftrace, stuck: cost({ processMs: 480 }) });
  // 30 ms for 500,000 against 2,500 ms for 250,000; 50 ms with what there is at rest.
  assert.equal(rows[0]?.ratio, '1/166.7 of bpftrace');
  assert.equal(rows[0].measured, '0.30 % of a core, 0.20 % in the kernel, at 50000/s');
  assert.equal(rows[1]?.ratio, '1/100.0 of bpftrace; target: 1/50');
  assert.equal(rows[2]?.compared, 'bpftrace: 7 (lines) dropped of 250000');
  assert.equal(rows[3]?.ratio, '1/10.0 of bpftrace');
  assert.deepEqual([figures['ratioExtraVsBpftrace'], figures['ratioVsBpftrace']], [166.7, 100]);
});

test('without bpftrace there is a line that says so, and no ratio', () => {
  const atRest = cost({ retransmits: 0 });
  const { rows, figures } = summarize(1000, { atRest, below: cost({}), bpftrace: null, stuck: cost({}) });
  assert.equal(rows[0]?.compared, 'bpftrace: not installed');
  assert.deepEqual(Object.keys(figures), ['connections', 'atRest', 'below', 'stuck']);
});
