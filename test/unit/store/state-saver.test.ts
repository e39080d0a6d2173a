// Proves when open records are written: soon after a change, once for many, never two at a time, and at the end. What is
// written and how is shown by open-records.test.ts. Timers are mocked.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, test, type TestContext } from 'node:test';
import type { SavedState } from '../../../daemon/core/tracker-messages.js';
import { pauseAfterMs, StateSaver } from '../../../daemon/store/state-saver.js';
import { createSavedState } from './saved-state.js';

/** Saves take until the test says so. */
class FakeStore {
  readonly saved: SavedState[] = [];
  readonly #pending: { resolve: () => void; reject: (error: Error) => void }[] = [];

  save(state: SavedState): Promise<void> {
    this.saved.push(state);
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
    });
  }

  async finish(error?: Error): Promise<void> {
    const save = this.#pending.shift();
    assert.ok(save !== undefined, 'nothing is being saved');
    if (error === undefined) {
      save.resolve();
    } else {
      save.reject(error);
    }
    await turn();
  }
}

let store: FakeStore;
let state: SavedState | null;
let results: (string | null)[];
let saver: StateSaver<SavedState>;

beforeEach(() => {
  store = new FakeStore();
  state = createSavedState();
  results = [];
  saver = new StateSaver(
    store,
    () => state,
    (error) => results.push(error?.message ?? null),
  );
});

async function tick(t: TestContext, milliseconds: number): Promise<void> {
  t.mock.timers.tick(milliseconds);
  await turn();
}

test('many changes cost one write, of the state as it is then', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  saver.touch();
  saver.touch();
  await tick(t, 249);
  assert.equal(store.saved.length, 0);
  state = createSavedState(2);
  saver.touch();
  await tick(t, 1);
  assert.deepEqual(store.saved, [state]);
  await store.finish();
  assert.deepEqual(results, [null]);
  await tick(t, 60_000);
  assert.equal(store.saved.length, 1, 'nothing changed since');
});

test('changes during a write wait for its end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  saver.touch();
  await tick(t, 250);
  saver.touch();
  await tick(t, 60_000);
  assert.equal(store.saved.length, 1);
  await store.finish();
  // The pause grows with what the write took; here that is nothing but the noise of the machine.
  await tick(t, 60_000);
  assert.equal(store.saved.length, 2);
});

test('a write that fails is told, and the next change tries again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  saver.touch();
  await tick(t, 250);
  await store.finish(new Error('disk full'));
  saver.touch();
  await tick(t, 60_000);
  await store.finish();
  assert.deepEqual(results, ['disk full', null]);
});

test('a write that failed is tried again without a further change: the disk may have room again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  saver.touch();
  await tick(t, 250);
  await store.finish(new Error('ENOSPC'));
  await tick(t, 9_999);
  assert.equal(store.saved.length, 1);
  await tick(t, 1);
  assert.equal(store.saved.length, 2);
  await store.finish();
  assert.deepEqual(results, ['ENOSPC', null]);
});

test('while nothing is known the file stays as it is', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  state = null;
  saver.touch();
  await tick(t, 250);
  await saver.close();
  assert.deepEqual([store.saved, results], [[], []]);
});

test('the end writes once more, after a write that is under way, and nothing follows', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  saver.touch();
  await tick(t, 250);
  saver.touch();
  const closed = saver.close();
  await turn();
  assert.equal(store.saved.length, 1);
  await store.finish();
  assert.equal(store.saved.length, 2);
  await store.finish();
  await closed;
  saver.touch();
  await tick(t, 60_000);
  assert.equal(store.saved.length, 2);
});

test('the pause after a write: longer for a slow disk, but bounded both ways', () => {
  assert.deepEqual([1, 100, 60_000].map(pauseAfterMs), [250, 2000, 10_000]);
});
