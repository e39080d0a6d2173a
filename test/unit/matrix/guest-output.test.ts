// Proves that what a guest has said is read also when it was cut off in the middle of a line, or said something else. It
// cannot prove what a guest says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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

describe('a file that ran once more: the second run decides', () => {
  type Said = readonly [name: string, line: number, result: string, file?: string];
  const say = (...tests: readonly Said[]): readonly string[] =>
    tests.map(([name, line, result, file = 'a']) => JSON.stringify({ test: { file, name, line, result } }));
  const again = JSON.stringify({ again: ['a'] });
  const results = (...lines: readonly string[]): readonly string[] =>
    parseGuestOutput(lines.join('\n')).tests.map(
      ({ file, name, result, atSecondTry }) => `${file} ${name} ${result}${atSecondTry === true ? ' 2nd' : ''}`,
    );

  test('what passes only then is told apart', () => {
    const first = say(['late', 3, 'failed'], ['broken', 9, 'failed'], ['fine', 20, 'passed'], ['fine', 30, 'failed']);
    const second = say(['late', 3, 'passed'], ['broken', 9, 'failed'], ['fine', 20, 'failed'], ['fine', 30, 'passed']);
    assert.deepEqual(results(...first, again, ...second), [
      'a late passed 2nd',
      'a broken failed',
      'a fine failed',
      'a fine passed 2nd',
    ]);
  });

  test('one that had hung, or failed outside of its tests', () => {
    const first = say(['early', 3, 'passed'], ['slow', 5, 'skipped'], ['a.test.js', 1, 'failed']);
    const second = say(['early', 3, 'passed'], ['slow', 5, 'passed'], ['never reached', 9, 'passed']);
    assert.deepEqual(results(...first, again, ...second), [
      'a early passed',
      'a slow passed',
      'a never reached passed 2nd',
    ]);
    const failure = say(['a.test.js', 1, 'failed']);
    assert.deepEqual(results(...first, again, ...failure), ['a a.test.js failed'], 'and hangs again');
  });

  test('the others keep their results', () => {
    const first = say(['late', 3, 'failed', 'a'], ['late', 3, 'failed', 'b']);
    const second = say(['late', 3, 'passed', 'a'], ['late', 3, 'passed', 'c']);
    assert.deepEqual(results(...first, again, ...second), ['b late failed', 'a late passed 2nd', 'c late passed']);
  });

  test('two tests of one name on one line stay two, and what failed stays failed', () => {
    const both = say(['twin', 3, 'failed'], ['twin', 3, 'passed']);
    assert.deepEqual(results(...both), ['a twin failed', 'a twin passed']);
    assert.deepEqual(results(...both, again, ...both), ['a twin failed', 'a twin passed 2nd']);
  });
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
