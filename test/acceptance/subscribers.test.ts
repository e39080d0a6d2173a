// Proves that subscribers do not harm each other, over a real socket and with all the places taken: one of 64 never reads,
// one is a stuckctl that is frozen (SIGSTOP), and the others get every change, in order, while little of it is kept for those
// two. The frozen one learns how much it missed when it goes on, and then shows what is true. And that clients which live
// but never read again lose their places.
// It cannot prove how many changes a second a daemon can tell; the benchmark measures that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RecordChange } from '../../daemon/core/ports.js';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import { createRecord, createRecords, FakeRecords } from '../unit/rpc/sample-records.js';
import { openWatch, RpcBench, startStuckctl, statusOf, stopReading } from './rpc-harness.js';

const PLACES = 64;
const CHANGES = 1200;
/** Of them that happen at once. */
const BATCH = 200;
/** Small, so that a client which does not read has soon taken what it takes in advance: a window, and 16 responses. */
const LIMITS = { queueMax: 300, batchMax: 16, slowMs: 600_000 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** How many changes anybody still has. */
class ToldChanges {
  readonly #told: WeakRef<RecordChange>[] = [];

  constructor(records: FakeRecords) {
    records.subscribe((change) => this.#told.push(new WeakRef(change)));
  }

  async kept(): Promise<number> {
    // A weak reference that was made or asked in this turn holds on to what it points to.
    await new Promise(setImmediate);
    collectGarbage();
    return this.#told.filter((reference) => reference.deref() !== undefined).length;
  }
}

/** What one subscriber was told: the changes since the snapshot, by id. */
class Reader {
  readonly ids: string[] = [];
  lost = 0;

  accept({ changes }: stuckd.v1.WatchStuckConnectionsResponse): void {
    for (const { opened, lost } of changes) {
      if (opened?.id) {
        this.ids.push(opened.id);
      }
      this.lost += Number(lost?.count ?? 0);
    }
  }
}

test('one of 64 subscribers never reads, one is frozen, and the others miss nothing', async (t) => {
  const bench = new RpcBench();
  t.after(() => {
    bench.clean();
  });
  const records = new FakeRecords();
  const server = await bench.serve({ records, watchLimits: LIMITS });
  const told = new ToldChanges(records);

  const frozen = startStuckctl(['watch', '--address', bench.address]);
  t.after(() => frozen.child.kill('SIGKILL'));
  await waitFor(() => frozen.stderr().includes('0 stuck connections now'), { what: 'the snapshot of stuckctl' });
  const silent = openWatch(bench.connectRaw());
  await stopReading(silent);
  const readers = Array.from({ length: PLACES - 2 }, () => new Reader());
  for (const reader of readers) {
    openWatch(bench.connectRaw()).on('data', (response: stuckd.v1.WatchStuckConnectionsResponse) => {
      reader.accept(response);
    });
  }
  await waitFor(() => server.subscribers() === PLACES, { what: 'all places to be taken' });
  frozen.child.kill('SIGSTOP');

  const ids = Array.from({ length: CHANGES }, (_, index) => `c${index}`);
  let keptMost = 0;
  for (let next = 0; next < CHANGES; next += BATCH) {
    for (const id of ids.slice(next, next + BATCH)) {
      records.change('opened', createRecord({ id }));
    }
    const count = next + BATCH;
    await waitFor(() => readers.every((reader) => reader.ids.length + reader.lost >= count), {
      what: `${count} changes`,
    });
    keptMost = Math.max(keptMost, await told.kept());
  }
  for (const reader of readers) {
    assert.equal(reader.lost, 0);
    assert.deepEqual(reader.ids, ids);
  }
  // The two that do not read wait for the same changes, of which the server keeps one copy.
  assert.ok(keptMost <= LIMITS.queueMax + BATCH, `${keptMost} changes are kept`);
  assert.equal(server.subscribers(), PLACES, 'both are given time');

  frozen.child.kill('SIGCONT');
  await waitFor(() => /\d+ changes were missed; taking a new snapshot/.test(frozen.stderr()), {
    what: 'what it missed',
  });
  await waitFor(() => frozen.stderr().includes(`${CHANGES} stuck connections now`), { what: 'what is true' });
});

test('clients that live and never read again lose their places to others', async (t) => {
  const bench = new RpcBench();
  t.after(() => {
    bench.clean();
  });
  const records = new FakeRecords();
  const server = await bench.serve({ records, watchLimits: { ...LIMITS, slowMs: 2000, statusMs: 500 } });
  const paused = Array.from({ length: PLACES }, () => openWatch(bench.connectRaw()));
  const ends = paused.map((stream) => statusOf(stream));
  await Promise.all(paused.map((stream) => stopReading(stream)));
  await waitFor(() => server.subscribers() === PLACES, { what: 'all places to be taken' });
  for (const record of createRecords(CHANGES)) {
    records.change('opened', record);
  }
  assert.ok(server.watches().lost > 0, 'what they were not told is counted');
  await waitFor(() => server.subscribers() === 0, { what: 'the places to be free, though nobody has read on' });
  assert.equal(records.listeners, 0);
  const { seen } = bench.follow(bench.connect());
  await waitFor(() => seen.length > 0, { what: 'a newcomer to get in' });
  for (const stream of paused) {
    stream.resume();
  }
  for (const { code } of await Promise.all(ends)) {
    assert.equal(code, status.RESOURCE_EXHAUSTED);
  }
});
