// Proves that what a guest has said is read also when it was cut off in the middle of a line, or said something else. It
// cannot prove what a guest says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGuestOutput } from '../../matrix/guest-output.js';

test('a guest that ran to its end', () => {
  const output = parseGuestOutput(
    [
      '{"guest":"started"}',
      '{"kernel":"6.1.0-56-cloud-amd64"}',
      '{"version":"0.1.0","canRun":true,"features":[{"name":"sweep","available":true}]}',
      '{"test":{"file":"story","name":"a","result":"passed"}}',
      '{"test":{"file":"story","name":"b","result":"failed","error":"no"}}',
      '{"exitStatus":1}',
      '',
    ].join('\r\n'),
  );
  assert.deepEqual(output, {
    started: true,
    kernel: '6.1.0-56-cloud-amd64',
    features: [{ name: 'sweep', available: true }],
    tests: [
      { file: 'story', name: 'a', result: 'passed' },
      { file: 'story', name: 'b', result: 'failed', error: 'no' },
    ],
    exitStatus: 1,
    lines: 6,
  });
});

test('a file that ran once more: the second run decides, and what passes only then is told apart', () => {
  const results = [
    ['late', 3, 'failed'],
    ['broken', 9, 'failed'],
    ['fine', 20, 'passed'],
    ['fine', 30, 'failed'],
    ['late', 3, 'passed'],
    ['broken', 9, 'failed'],
    ['fine', 20, 'failed'],
    ['fine', 30, 'passed'],
  ].map(([name, line, result]) => JSON.stringify({ test: { file: 'a', name, line, result } }));
  assert.deepEqual(parseGuestOutput(results.join('\n')).tests, [
    { file: 'a', name: 'late', line: 3, result: 'passed', atSecondTry: true },
    { file: 'a', name: 'broken', line: 9, result: 'failed' },
    { file: 'a', name: 'fine', line: 20, result: 'failed' },
    { file: 'a', name: 'fine', line: 30, result: 'passed', atSecondTry: true },
  ]);
});

test('a guest that was ended has no exit status, and keeps what was complete', () => {
  const output = parseGuestOutput(
    '{"guest":"started"}\n{"test":{"file":"a","name":"b","result":"passed"}}\n{"test":{"fi',
  );
  assert.equal(output.exitStatus, undefined);
  assert.equal(output.started, true);
  assert.equal(output.tests.length, 1);
});

test('silence and noise are no output', () => {
  for (const text of ['', 'panic\n', '17\n', 'null\n']) {
    assert.deepEqual(parseGuestOutput(text), { started: false, features: [], tests: [], lines: 0 });
  }
});
