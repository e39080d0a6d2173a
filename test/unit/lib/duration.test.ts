// Proves which texts are durations and how many milliseconds they are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs } from '../../../daemon/lib/duration.js';

const CASES: readonly (readonly [string, number | null])[] = [
  ['0ms', 0],
  ['500ms', 500],
  ['2s', 2000],
  ['1.5s', 1500],
  ['1.005s', 1005],
  ['0.4ms', 0],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  [' 2s ', 2000],
  ['', null],
  ['2', null],
  ['s', null],
  ['-2s', null],
  ['2 s', null],
  ['1e3s', null],
  ['.5s', null],
  ['2w', null],
  ['2s3', null],
  ['Infinitys', null],
];

for (const [text, milliseconds] of CASES) {
  test(`"${text}" is ${milliseconds === null ? 'no duration' : `${milliseconds} ms`}`, () => {
    assert.equal(parseDurationMs(text), milliseconds);
  });
}
