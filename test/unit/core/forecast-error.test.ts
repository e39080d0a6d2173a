// Proves what is measured when the kernel has given up: how far the forecast at detection was off, and when nothing can be
// measured; and how the timeline says it. That forecasts are good is for give-up.test.ts and the kernel tests.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { forecastErrorOf } from '../../../daemon/core/forecast-error.js';
import { OUTCOMES } from '../../../daemon/core/kinds.js';
import type { GiveUp } from '../../../daemon/core/record.js';
import type { SnapshotCause, SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { endText } from '../../../daemon/core/timeline.js';
import { snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const EXACT = {
  never: false,
  timeUs: 900_000_000,
  latestTimeUs: null,
  reason: 'tcp_retries2',
  retransmitsLeft: 12,
  expectedError: 'ETIMEDOUT',
} as const satisfies GiveUp;
const WINDOW: GiveUp = { ...EXACT, latestTimeUs: 950_000_000 };

function last(cause: SnapshotCause): SocketSnapshot {
  return snapshotAt(TEST_KERNEL, 0, { cause });
}

describe('the error of a forecast', () => {
  const table: readonly (readonly [string, GiveUp | null, number, number | null])[] = [
    ['to the microsecond', EXACT, 900_000_000, 0],
    ['later', EXACT, 900_004_000, 4000],
    ['earlier', EXACT, 899_000_000, -1_000_000],
    ['at the beginning of a window', WINDOW, 900_000_000, 0],
    ['inside of it', WINDOW, 930_000_000, 0],
    ['at its end', WINDOW, 950_000_000, 0],
    ['before it', WINDOW, 899_999_000, -1000],
    ['after it', WINDOW, 950_000_007, 7],
    ['of a forecast of no end', { never: true }, 900_000_000, null],
    ['of no forecast', null, 900_000_000, null],
  ];
  for (const [name, detected, endUs, expected] of table) {
    test(name, () => {
      assert.equal(forecastErrorOf(detected, 'timed_out', endUs, last('state')), expected);
      assert.equal(forecastErrorOf(detected, 'unreachable', endUs, last('state')), expected);
    });
  }

  for (const outcome of OUTCOMES.filter((each) => each !== 'timed_out' && each !== 'unreachable')) {
    test(`nobody gave up: ${outcome}`, () => {
      assert.equal(forecastErrorOf(EXACT, outcome, 900_004_000, last('state')), null);
    });
  }

  for (const cause of ['sweep', 'refresh', 'destroy'] as const) {
    test(`the end itself was not seen: ${cause}`, () => {
      assert.equal(forecastErrorOf(EXACT, 'timed_out', 900_004_000, last(cause)), null);
    });
  }

  test('nothing shows the end', () => {
    assert.equal(forecastErrorOf(EXACT, 'timed_out', 900_004_000, null), null);
  });
});

describe('the end in the timeline', () => {
  const table: readonly (readonly [number | null, string])[] = [
    [4000, 'the kernel gave up, 4 ms later than forecast at detection'],
    [-4000, 'the kernel gave up, 4 ms earlier than forecast at detection'],
    [400, 'the kernel gave up, just as forecast at detection'],
    [0, 'the kernel gave up, just as forecast at detection'],
    [-782_000_000, 'the kernel gave up, 13 min 2 s earlier than forecast at detection'],
    [null, 'the kernel gave up'],
  ];
  for (const [errorUs, text] of table) {
    test(String(errorUs), () => {
      assert.equal(endText('retransmitting', 'timed_out', errorUs), text);
    });
  }
});
