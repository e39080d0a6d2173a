/** Proves which answers are kept for further pages: few, not too large together, and not for long; and that names are never alike. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { KeptAnswers } from '../../../daemon/rpc/kept-answers.js';

const KEEP_MS = 60_000;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
});

afterEach(() => {
  mock.timers.reset();
});

function answers(answersMax = 3, sizeMax = 100): KeptAnswers<string> {
  return new KeptAnswers({ answersMax, sizeMax, keepMs: KEEP_MS });
}

test('as many as there is room for, the oldest goes first', () => {
  const kept = answers();
  const ids = ['a', 'b', 'c', 'd'].map((answer) => kept.add(answer, 1));
  assert.deepEqual(
    ids.map((id) => kept.get(id)),
    [undefined, 'b', 'c', 'd'],
  );
});

test('one of which a page was told is not the oldest any more', () => {
  const kept = answers();
  const ids = ['a', 'b', 'c'].map((answer) => kept.add(answer, 1));
  kept.touch(ids[0] ?? '');
  kept.add('d', 1);
  assert.deepEqual(
    ids.map((id) => kept.get(id)),
    ['a', undefined, 'c'],
  );
});

test('large ones leave no room for others, but are kept themselves', () => {
  const kept = answers();
  const small = kept.add('a', 60);
  const next = kept.add('b', 40);
  assert.equal(kept.get(small), 'a');
  const large = kept.add('c', 1000);
  assert.deepEqual([kept.get(small), kept.get(next), kept.get(large)], [undefined, undefined, 'c']);
});

test('no more of them go than must', () => {
  const kept = answers();
  const ids = ['a', 'b', 'c'].map((answer) => kept.add(answer, 40));
  assert.deepEqual(
    ids.map((id) => kept.get(id)),
    [undefined, 'b', 'c'],
  );
});

test('a while after its last page it is forgotten', () => {
  const kept = answers();
  const id = kept.add('a', 1);
  mock.timers.tick(KEEP_MS - 1);
  kept.touch(id);
  mock.timers.tick(KEEP_MS - 1);
  assert.equal(kept.get(id), 'a');
  mock.timers.tick(1);
  assert.equal(kept.get(id), undefined);
  kept.touch(id);
  assert.equal(kept.get(id), undefined);
});

test('after the last page at once', () => {
  const kept = answers();
  const id = kept.add('a', 1);
  kept.delete(id);
  assert.equal(kept.get(id), undefined);
});

test('no daemon gives a name that another one has given', () => {
  assert.notEqual(answers().add('a', 1), answers().add('a', 1));
});
