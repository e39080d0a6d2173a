// Proves the order of releases and that neither a failing nor a hanging step keeps the others from running. What the steps
// of the daemon do is for the acceptance tests.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { CleanupStack } from '../../../daemon/lib/cleanup-stack.js';

test('releases in reverse order, one after the other, and only once', async () => {
  const stack = new CleanupStack(1000);
  const released: string[] = [];
  stack.push('first', () => {
    released.push('first');
  });
  stack.push('second', async () => {
    await turn();
    released.push('second');
  });
  assert.deepEqual(await stack.releaseAll(), []);
  assert.deepEqual(await stack.releaseAll(), []);
  assert.deepEqual(released, ['second', 'first']);
});

test('a step that fails, at once or later, is named, and the others are released', async () => {
  const stack = new CleanupStack(1000);
  let isReleased = false;
  stack.push('last', () => {
    isReleased = true;
  });
  stack.push('later', () => Promise.reject(new Error('no disk')));
  stack.push('at once', () => {
    throw new Error('no socket');
  });
  assert.deepEqual(await stack.releaseAll(), [
    { name: 'at once', message: 'no socket' },
    { name: 'later', message: 'no disk' },
  ]);
  assert.equal(isReleased, true);
});

test('a step that hangs is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stack = new CleanupStack(5000);
  let isReleased = false;
  stack.push('last', () => {
    isReleased = true;
  });
  stack.push('hangs', () => new Promise<void>(() => undefined));
  const failures = stack.releaseAll();
  t.mock.timers.tick(4999);
  await turn();
  assert.equal(isReleased, false);
  t.mock.timers.tick(1);
  assert.deepEqual(await failures, [{ name: 'hangs', message: 'not done after 5000 ms' }]);
  assert.equal(isReleased, true);
});
