// Proves that a warning which others can cause at will is told at once, and then once a minute with what was left out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { throttledWarning } from '../../../daemon/rpc/throttled-warning.js';

test('one line a minute, and none is forgotten', () => {
  const lines: string[] = [];
  let nowMs = 5000;
  const warn = throttledWarning(
    (line) => lines.push(line),
    () => nowMs,
  );
  for (const text of ['first', 'second', 'third']) {
    warn(text);
  }
  assert.deepEqual(lines, ['first']);
  nowMs += 60_000;
  warn('fourth');
  warn('fifth');
  assert.deepEqual(lines, ['first', 'fourth (and 2 more of this sort since the last such line)']);
  nowMs += 60_000;
  warn('sixth');
  nowMs += 60_000;
  warn('seventh');
  assert.deepEqual(lines.slice(2), ['sixth (and 1 more of this sort since the last such line)', 'seventh']);
});
