/** Proves: spans of time, sizes and endpoints are written as specified, also where rounding carries into the next unit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesWords, durationWords, endpointWords } from '../../../daemon/core/format-words.js';

const S = 1_000_000;
const DURATIONS: readonly (readonly [us: number, words: string])[] = [
  [-5 * S, '0 ms'],
  [0, '0 ms'],
  [340_400, '340 ms'],
  [999_600, '1 s'],
  [14.4 * S, '14 s'],
  [59.6 * S, '1 min'],
  [60 * S, '1 min'],
  [902 * S, '15 min 2 s'],
  [3599.6 * S, '1 h'],
  [7875 * S, '2 h 11 min'],
  [86_399 * S, '1 d'],
  [86_400 * S, '1 d'],
  [3 * 86_400 * S + 4 * 3600 * S, '3 d 4 h'],
  [2 * 86_400 * S - 60 * S, '2 d'],
];

for (const [us, words] of DURATIONS) {
  test(`${us} us reads ${words}`, () => {
    assert.equal(durationWords(us), words);
  });
}

const SIZES: readonly (readonly [bytes: number, words: string])[] = [
  [0, '0 bytes'],
  [1, '1 byte'],
  [9999, '9999 bytes'],
  [10_000, '10 KiB'],
  [65_536, '64 KiB'],
  [1_048_000, '1023 KiB'],
  [1_048_500, '1.0 MiB'],
  [3_565_158, '3.4 MiB'],
  [5 * 2 ** 30, '5.0 GiB'],
];

for (const [bytes, words] of SIZES) {
  test(`${bytes} bytes read ${words}`, () => {
    assert.equal(bytesWords(bytes), words);
  });
}

test('an IPv6 address stands in brackets', () => {
  assert.equal(endpointWords({ address: '10.0.0.2', port: 80 }), '10.0.0.2:80');
  assert.equal(endpointWords({ address: 'fd00::2', port: 80 }), '[fd00::2]:80');
});
