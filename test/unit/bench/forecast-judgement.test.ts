/**
 * Proves how the figures of `forecast` come from its verdicts: what counts as within the target, which of two candidates
 * it was, what was measured at all. Cannot prove that the verdicts are right.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  distanceMs,
  figuresOf,
  missWords,
  nearestCandidate,
  preciseMs,
  summarize,
  summarizeByReason,
  type Verdict,
} from '../../bench/forecast-judgement.js';
import { forecastTable } from '../../bench/forecast-table.js';

function verdict(facts: Partial<Verdict>): Verdict {
  return {
    reason: 'a limit',
    disturbed: false,
    errorMs: 1,
    lastErrorMs: 0,
    windowMs: null,
    atLater: false,
    applicationErrorMs: 2,
    errnoRight: true,
    note: 'a note',
    ...facts,
  };
}

test('times keep their microseconds', () => {
  assert.equal(preciseMs('1970-01-01T00:00:01.000250Z'), 1000.25);
  assert.equal(preciseMs('1970-01-01T00:00:02Z'), 2000);
  assert.throws(() => preciseMs('soon'), RangeError);
  assert.throws(() => preciseMs(undefined), RangeError);
});

test('the distance to a forecast, and to a window', () => {
  assert.equal(distanceMs({ timeMs: 1000, latestMs: null }, 1004), 4);
  assert.equal(distanceMs({ timeMs: 1000, latestMs: null }, 990), -10);
  assert.equal(distanceMs({ timeMs: 1000, latestMs: 1500 }, 1200), 0);
  assert.equal(distanceMs({ timeMs: 1000, latestMs: 1500 }, 1503), 3);
});

test('of two candidates the nearer one counts, and between them is a miss', () => {
  const window = { timeMs: 1000, latestMs: 1500 };
  assert.deepEqual(nearestCandidate(window, 1003), { errorMs: 3, atLater: false });
  assert.deepEqual(nearestCandidate(window, 1504), { errorMs: 4, atLater: true });
  assert.deepEqual(nearestCandidate(window, 1200), { errorMs: 200, atLater: false });
  assert.deepEqual(nearestCandidate({ timeMs: 1000, latestMs: null }, 996), { errorMs: -4, atLater: false });
});

test('10 ms are within the target, early or late; more is a miss, and what was not measured is neither', () => {
  const errors = [0, -10, 10, 10.1, -11, null];
  const summary = summarize(
    'a limit',
    errors.map((errorMs) => verdict({ errorMs })),
  );
  assert.equal(summary.connections, 6);
  assert.equal(summary.measured, 5);
  assert.equal(summary.withinTarget, 3);
  assert.equal(summary.error?.max, 11);
  assert.equal(summary.error.median, 10);
});

test('two candidates: how many, which one it was, how far apart; errors of errno', () => {
  const summary = summarize('a limit', [
    verdict({ windowMs: 500, errorMs: 0 }),
    verdict({ windowMs: 700, errorMs: 4, atLater: true }),
    verdict({ windowMs: 900, errorMs: null, errnoRight: false }),
    verdict({ errnoRight: null, applicationErrorMs: null }),
  ]);
  assert.equal(summary.windows, 2);
  assert.equal(summary.atLater, 1);
  assert.equal(summary.widestWindowMs, 700);
  assert.equal(summary.wrongErrno, 1);
});

test('one line for each reason, also where nothing was measured', () => {
  const summaries = summarizeByReason([
    verdict({ reason: 'one' }),
    verdict({ reason: 'other', errorMs: null, applicationErrorMs: null }),
    verdict({ reason: 'one' }),
  ]);
  assert.deepEqual(
    summaries.map(({ reason, connections }) => [reason, connections]),
    [
      ['one', 2],
      ['other', 1],
    ],
  );
  const [, other] = summaries;
  assert.ok(other !== undefined && !('error' in figuresOf(other)));
  assert.equal(forecastTable(summaries).trimEnd().split('\n').length, 3);
});

test('a miss says by how much, and whether the last forecast held', () => {
  assert.equal(
    missWords(verdict({ errorMs: 2592, lastErrorMs: 0 })),
    'a limit: +2592.0 ms, the last forecast before the end 0.0 ms (a note)',
  );
});
