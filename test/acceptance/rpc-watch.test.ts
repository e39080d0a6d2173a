// Proves watches with a real client over a real unix socket: order, heartbeat, clients that do not read, the most of
// subscribers. The records come from memory; the cases that need simulated time are in unit/rpc/watch-session.test.ts.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import type { WatchChange } from '../../daemon/rpc/grpc-client.js';
import { createRecord, createRecords, FakeRecords } from '../unit/rpc/sample-records.js';
import { waitFor } from '../support/wait-for.js';
import { openWatch, rejection, RpcBench, statusOf, stopReading } from './rpc-harness.js';

const v1 = stuckd.v1;

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

/** Which change it is, and of which record. */
function words(change: WatchChange): string {
  const name = new v1.Change(change).change ?? 'nothing';
  const connection = change.snapshotItem ?? change.opened ?? change.updated ?? change.ended;
  return connection ? `${name} ${connection.id ?? ''}` : name;
}

/** What a client knows that follows the contract: after a loss it forgets everything and takes the new snapshot. */
class View {
  ids = new Set<string>();
  snapshots = 0;
  lost = 0;
  delivered = 0;

  accept(changes: readonly WatchChange[]): void {
    for (const { snapshotItem, snapshotEnd, opened, updated, ended, lost } of changes) {
      if (lost) {
        this.lost += lost.count?.toNumber() ?? 0;
        this.ids.clear();
      }
      if (snapshotEnd) {
        this.snapshots += 1;
      }
      if (opened ?? updated ?? ended) {
        this.delivered += 1;
      }
      const known = (snapshotItem ?? opened ?? updated)?.id;
      if (known) {
        this.ids.add(known);
      }
      this.ids.delete(ended?.id ?? '');
    }
  }
}

describe('watch', () => {
  test('snapshot, its end, then what happens; the subscription ends with the client', async () => {
    const records = new FakeRecords([createRecord({ id: 'c1' })]);
    const server = await bench.serve({ records });
    const { seen, stop, done } = bench.follow(bench.connect());
    await waitFor(() => seen.length === 2, { what: 'the snapshot' });
    records.change('opened', createRecord({ id: 'c2' }));
    records.change('updated', createRecord({ id: 'c2', retransmits: 8 }));
    records.change('ended', createRecord({ id: 'c1', outcome: 'reset_by_peer' }));
    await waitFor(() => seen.length === 5, { what: 'the changes' });
    assert.deepEqual(seen.map(words), ['snapshotItem c1', 'snapshotEnd', 'opened c2', 'updated c2', 'ended c1']);
    assert.equal(seen[1]?.snapshotEnd?.count, 1);
    assert.equal(seen[4]?.ended?.outcome, v1.Outcome.OUTCOME_RESET_BY_PEER);
    stop();
    assert.equal(await done, 'stopped');
    await waitFor(() => server.subscribers() === 0 && records.listeners === 0, { what: 'the subscription to end' });
  });

  test('a heartbeat is an empty response', async () => {
    await bench.serve({ watchLimits: { heartbeatMs: 20 } });
    const stream = openWatch(bench.connectRaw());
    const sizes: number[] = [];
    stream.on('data', (response: stuckd.v1.WatchStuckConnectionsResponse) => sizes.push(response.changes.length));
    await waitFor(() => sizes.length >= 3, { what: 'two heartbeats' });
    assert.deepEqual(sizes.slice(0, 3), [1, 0, 0]);
  });

  test('a subscriber that stops reading is told what it lost and gets a fresh snapshot; memory stays bounded', async () => {
    const records = new FakeRecords();
    await bench.serve({ records, watchLimits: { queueMax: 4096 } });
    const stream = openWatch(bench.connectRaw());
    const view = new View();
    stream.on('data', (response: stuckd.v1.WatchStuckConnectionsResponse) => {
      view.accept(response.changes);
    });
    await waitFor(() => view.snapshots === 1, { what: 'the first snapshot' });

    stream.pause();
    const storm = createRecords(200_000);
    const heapBefore = process.memoryUsage().heapUsed;
    // In turns, as a daemon would: it is flow control that stops the writer, not the burst.
    for (let next = 0; next < storm.length; next += 500) {
      for (const record of storm.slice(next, next + 500)) {
        records.change('opened', record);
        records.change('ended', { ...record, outcome: 'recovered' });
      }
      await new Promise(setImmediate);
    }
    const heapGrowth = process.memoryUsage().heapUsed - heapBefore;
    records.change('opened', createRecord({ id: 'd1' }));
    assert.ok(view.delivered < 50_000, `${view.delivered.toString()} changes reached a client that does not read`);
    // The fake itself keeps 200000 records; 400000 queued messages would take more than a gigabyte.
    assert.ok(heapGrowth < 400e6, `${(heapGrowth / 1e6).toFixed(0)} MB`);

    stream.resume();
    await waitFor(() => view.snapshots > 1 && view.ids.has('d1'), { what: 'a snapshot that is true again' });
    assert.deepEqual([...view.ids], ['d1']);
    assert.ok(view.lost > 0);
    assert.equal(view.lost + view.delivered, 400_001, 'every change was delivered or counted as lost');

    records.change('ended', createRecord({ id: 'd1', outcome: 'recovered' }));
    await waitFor(() => view.ids.size === 0, { what: 'the watch to go on' });
  });

  test('a subscriber that reads nothing for the limit is ended', async () => {
    const records = new FakeRecords();
    const server = await bench.serve({ records, watchLimits: { slowMs: 500, statusMs: 600_000 } });
    const stream = openWatch(bench.connectRaw());
    const ended = statusOf(stream);
    await stopReading(stream);
    // More than the client takes in advance: 16 responses of 128 changes and a window.
    for (const record of createRecords(10_000)) {
      records.change('opened', record);
    }
    await waitFor(() => records.listeners === 0, { what: 'the session to be ended' });
    assert.equal(server.subscribers(), 1, 'what it did not read is still there, and counted');
    stream.resume();
    const { code, details } = await ended;
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /read nothing/);
    await waitFor(() => server.subscribers() === 0, { what: 'the call to be over' });
  });

  test('there is a most of subscribers', async () => {
    const server = await bench.serve();
    const raw = bench.connectRaw();
    const streams = Array.from({ length: 64 }, () => openWatch(raw).resume());
    await waitFor(() => server.subscribers() === 64, { what: '64 subscribers' });
    const { code, details } = await statusOf(openWatch(raw).resume());
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.match(details, /64 watches/);
    streams[0]?.cancel();
    await waitFor(() => server.subscribers() === 63, { what: 'a free place' });
    const { seen } = bench.follow(bench.connect());
    await waitFor(() => seen.length > 0, { what: 'the place to be taken' });
  });

  test('a filter that is nonsense is refused', async () => {
    await bench.serve();
    const watch = bench.connect().watch({ peers: ['x'] }, new AbortController().signal);
    const first = async (): Promise<unknown> => {
      for await (const change of watch) {
        return change;
      }
      return null;
    };
    assert.equal((await rejection(first())).failure, 'invalid');
  });
});
