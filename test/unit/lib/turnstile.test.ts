// Proves that no more work than allowed is under way at a time, that what waits is done in order, and that work which fails
// gives its place back.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { Turnstile } from '../../../daemon/lib/turnstile.js';

test('two at a time, first come, first served', async () => {
  const turnstile = new Turnstile(2);
  const begun: number[] = [];
  const finish: (() => void)[] = [];
  const results = [0, 1, 2, 3, 4].map((number) =>
    turnstile.pass(async () => {
      begun.push(number);
      await new Promise<void>((resolve) => finish.push(resolve));
      return number * 10;
    }),
  );
  await turn();
  assert.deepEqual(begun, [0, 1]);
  finish[1]?.();
  await turn();
  assert.deepEqual(begun, [0, 1, 2]);
  for (const index of [0, 2, 3, 4]) {
    finish[index]?.();
    await turn();
  }
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  assert.deepEqual(await Promise.all(results), [0, 10, 20, 30, 40]);
});

test('what fails gives its place to the next, and after all of it there is room again', async () => {
  const turnstile = new Turnstile(1);
  const failing = [1, 2, 3].map((number) => turnstile.pass(() => Promise.reject(new Error(`no ${number}`))));
  const outcomes = await Promise.allSettled(failing);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  assert.equal(await turnstile.pass(() => Promise.resolve('in')), 'in');
});
