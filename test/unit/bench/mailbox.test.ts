/** Proves that what arrives is handed over in order, early or late, and that an end is told to whoever waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailbox } from '../../bench/mailbox.js';

const LONG_MS = 60_000;

test('items come in order, those that were there before and those that are waited for', async () => {
  const mailbox = new Mailbox<number>('numbers');
  mailbox.put(1);
  mailbox.put(2);
  assert.equal(await mailbox.take(LONG_MS), 1);
  assert.equal(await mailbox.take(LONG_MS), 2);
  const third = mailbox.take(LONG_MS);
  mailbox.put(3);
  mailbox.put(4);
  assert.equal(await third, 3);
  assert.equal(await mailbox.take(LONG_MS), 4);
});

test('whoever waits again in the moment of an arrival gets the next one', async () => {
  const mailbox = new Mailbox<number>('numbers');
  const first = mailbox.take(LONG_MS);
  mailbox.put(1);
  const second = mailbox.take(LONG_MS);
  assert.equal(await first, 1);
  mailbox.put(2);
  assert.equal(await second, 2);
});

test('an end reaches the one who waits, and those who come later', async () => {
  const mailbox = new Mailbox<number>('numbers');
  const waiting = mailbox.take(LONG_MS);
  mailbox.close('it ended');
  mailbox.close('it ended again');
  await assert.rejects(waiting, { message: 'numbers: it ended' });
  await assert.rejects(mailbox.take(LONG_MS), { message: 'numbers: it ended' });
});

test('what came before the end is still handed over', async () => {
  const mailbox = new Mailbox<number>('numbers');
  mailbox.put(1);
  mailbox.close('it ended');
  assert.equal(await mailbox.take(LONG_MS), 1);
  await assert.rejects(mailbox.take(LONG_MS), /it ended/);
});

test('a wait is bounded, and what comes afterwards is not lost', async () => {
  const mailbox = new Mailbox<number>('numbers');
  await assert.rejects(mailbox.take(1), { message: 'numbers: nothing came within 1 ms' });
  mailbox.put(5);
  assert.equal(await mailbox.take(LONG_MS), 5);
});

test('a second reader is refused, the first one keeps waiting', async () => {
  const mailbox = new Mailbox<number>('numbers');
  const first = mailbox.take(LONG_MS);
  await assert.rejects(mailbox.take(LONG_MS), /two readers/);
  mailbox.put(1);
  assert.equal(await first, 1);
});
