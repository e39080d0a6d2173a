// Proves that subscribers do not harm each other, over a real socket and with all the places taken: one of 64 never reads,
// one is a stuckctl that is frozen (SIGSTOP), and the others get every change, in order, while the memory of the server
// stays bounded. The frozen one learns how much it missed when it goes on, and then shows what is true.
// It cannot prove how many changes a second a daemon can tell; the benchmark measures that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import { createRecord, FakeRecords } from '../unit/rpc/sample-records.js';
import { openWatch, RpcBench, startStuckctl, stopReading } from './rpc-harness.js';

const PLACES = 64;
const CHANGES = 6000;

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
  const server = await bench.serve({ records, watchLimits: { queueMax: 1000 } });

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
  const heapBefore = process.memoryUsage().heapUsed;
  for (let next = 0; next < CHANGES; next += 200) {
    for (const id of ids.slice(next, next + 200)) {
      records.change('opened', createRecord({ id }));
    }
    const told = next + 200;
    await waitFor(() => readers.every((reader) => reader.ids.length + reader.lost >= told), {
      what: `${told} changes`,
    });
  }
  const heapGrowth = process.memoryUsage().heapUsed - heapBefore;
  for (const reader of readers) {
    assert.equal(reader.lost, 0);
    assert.deepEqual(reader.ids, ids);
  }
  // Every change queued for the two that do not read would be 12,000 messages of a kilobyte, the rest is what tests keep.
  assert.ok(heapGrowth < 200e6, `${(heapGrowth / 1e6).toFixed(0)} MB`);
  assert.equal(server.subscribers(), PLACES, 'both are given time');

  frozen.child.kill('SIGCONT');
  await waitFor(() => /\d+ changes were missed; taking a new snapshot/.test(frozen.stderr()), {
    what: 'what it missed',
  });
  await waitFor(() => frozen.stderr().includes(`${CHANGES} stuck connections now`), { what: 'what is true' });
});
