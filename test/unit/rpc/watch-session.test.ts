// Proves what one subscriber of a watch is sent, in which order, and that a subscriber that does not read is told what it
// lost, costs bounded memory and is ended. Time and flow control are simulated; the real ones are in the acceptance tests.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import Long from 'long';
import { parseConnectionFilter } from '../../../daemon/rpc/connection-filter.js';
import type { RecordChange } from '../../../daemon/core/ports.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { recordFeed } from '../../../daemon/rpc/connection-service.js';
import type { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { WATCH_LIMITS, WatchSession } from '../../../daemon/rpc/watch-session.js';
import type { WatchLimits, WatchMapper, WatchSink } from '../../../daemon/rpc/watch-session.js';
import { createClock, createRecord, createRecords, createWorkloads, FakeRecords, OWNER } from './sample-records.js';

type Change = stuckd.v1.Change.$Properties;

/** Changes as words: `item c1`, `end 1`, `opened c2`, `lost 7`. */
function words(change: Change): string {
  const { snapshotItem, snapshotEnd, opened, updated, ended, lost } = change;
  if (snapshotEnd) {
    return `end ${(snapshotEnd.count ?? 0).toString()}`;
  }
  if (lost) {
    return `lost ${(lost.count ?? 0).toString()}`;
  }
  const [name, record] =
    Object.entries({ item: snapshotItem, opened, updated, ended }).find(([, value]) => value) ?? [];
  return `${name ?? 'nothing'} ${record?.id ?? ''}/${(record?.retransmits ?? 0).toString()}`;
}

type RecordMapper = WatchMapper<StuckRecord, RecordChange, Change>;

const mapper: RecordMapper = {
  lost: (count) => ({ lost: { count: Long.fromNumber(count, true) } }),
  snapshotEnd: (count) => ({ snapshotEnd: { count } }),
  snapshotItem: ({ id, retransmits }) => ({ snapshotItem: { id, retransmits } }),
  change: ({ record: { id, retransmits } }, kind) => ({ [kind]: { id, retransmits } }),
};

class FakeSink implements WatchSink<Change> {
  readonly responses: string[][] = [];
  readonly #flushes: (() => void)[] = [];
  slow = 0;
  errors: unknown[] = [];
  lostCount = 0;
  paused = false;

  write(changes: readonly Change[], _resumeToken: string, flushed: () => void): void {
    this.responses.push(changes.map(words));
    if (this.paused) {
      this.#flushes.push(flushed);
    } else {
      flushed();
    }
  }

  /** The client reads what was written. */
  resume(): void {
    this.paused = false;
    for (const flushed of this.#flushes.splice(0)) {
      flushed();
    }
  }

  tooSlow(): void {
    this.slow += 1;
  }

  failed(error: unknown): void {
    this.errors.push(error);
  }

  lost(count: number): void {
    this.lostCount += count;
  }

  /** All changes since the last call. */
  take(): string[] {
    return this.responses.splice(0).flat();
  }
}

/** Lets the session have its turn: what is lone leaves with the piece of work that it belongs to, the rest in the next. */
async function turn(): Promise<void> {
  await Promise.resolve();
  mock.timers.tick(0);
}

describe('watch session', () => {
  let sessions: WatchSession<StuckRecord, RecordChange, Change>[] = [];

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  });

  afterEach(() => {
    for (const session of sessions) {
      session.close();
    }
    sessions = [];
    mock.timers.reset();
  });

  function open(
    records: FakeRecords,
    limits: Partial<WatchLimits> = {},
    filter: stuckd.v1.ConnectionFilter.$Properties = {},
  ): FakeSink {
    const sink = new FakeSink();
    const wanted = parseConnectionFilter(filter, createClock(), createWorkloads());
    const session = new WatchSession(recordFeed(records), wanted, mapper, sink, { ...WATCH_LIMITS, ...limits });
    sessions.push(session);
    return sink;
  }

  const first = createRecord({ id: 'c1' });
  const second = createRecord({ id: 'c2' });

  test('an empty snapshot has an end', async () => {
    const sink = open(new FakeRecords());
    await turn();
    assert.deepEqual(sink.take(), ['end 0']);
  });

  test('snapshot, its end, then changes in order', async () => {
    const records = new FakeRecords([first]);
    const sink = open(records);
    await turn();
    records.change('opened', second);
    records.change('updated', { ...second, retransmits: 8 });
    records.change('ended', first);
    await turn();
    assert.deepEqual(sink.take(), ['item c1/7', 'end 1', 'opened c2/7', 'updated c2/8', 'ended c1/7']);
  });

  test('what happens in one turn leaves in one response, up to the size of a batch', async () => {
    const records = new FakeRecords(createRecords(5));
    const sink = open(records, { batchMax: 3 });
    await turn();
    assert.deepEqual(
      sink.responses.map((response) => response.length),
      [3, 3],
    );
    sink.take();
    for (let count = 0; count < 7; count += 1) {
      records.change('updated', { ...first, retransmits: count });
    }
    await turn();
    assert.deepEqual(
      sink.responses.map((response) => response.length),
      [3, 3, 1],
    );
  });

  test('what happens leaves with the piece of work that it happens in, not in the next turn of the event loop', async () => {
    const records = new FakeRecords();
    const sink = open(records);
    await turn();
    sink.take();
    records.change('opened', first);
    records.change('updated', { ...first, retransmits: 8 });
    assert.deepEqual(sink.responses, []);
    await Promise.resolve();
    assert.deepEqual(sink.responses, [['opened c1/7', 'updated c1/8']]);
  });

  test('no more than the limit is in flight', async () => {
    const records = new FakeRecords(createRecords(10));
    const sink = open(records, { batchMax: 1, inFlightMax: 2 });
    sink.paused = true;
    await turn();
    await turn();
    assert.equal(sink.responses.length, 2);
    sink.resume();
    await turn();
    assert.equal(sink.responses.length, 11);
  });

  test('a filtered subscriber gets a record that begins to match as opened, and follows it to its end', async () => {
    const records = new FakeRecords([createRecord({ id: 'c9', netns: 5 })]);
    const pending = createRecord({ id: 'c1', ownerType: 'pending', owner: null });
    const sink = open(records, {}, { pids: [OWNER.pid], netns: [pending.netns] });
    await turn();
    records.change('opened', pending);
    records.change('updated', createRecord({ id: 'c1' }));
    records.change('updated', createRecord({ id: 'c1', retransmits: 8 }));
    records.change('updated', createRecord({ id: 'c1', ownerType: 'orphan', owner: null, retransmits: 9 }));
    records.change('ended', createRecord({ id: 'c1', ownerType: 'orphan', owner: null }));
    records.change('updated', createRecord({ id: 'c9', netns: 5 }));
    await turn();
    assert.deepEqual(sink.take(), ['end 0', 'opened c1/7', 'updated c1/8', 'updated c1/9', 'ended c1/7']);
  });

  test('a full queue keeps the newest update of each record, and all that opened and ended', async () => {
    const records = new FakeRecords();
    const sink = open(records, { queueMax: 8, inFlightMax: 1 });
    sink.paused = true;
    await turn();
    records.change('opened', first);
    for (let retransmits = 1; retransmits <= 8; retransmits += 1) {
      records.change('updated', { ...first, retransmits });
    }
    records.change('ended', { ...first, retransmits: 9 });
    sink.resume();
    await turn();
    assert.deepEqual(sink.take(), ['end 0', 'opened c1/7', 'updated c1/8', 'ended c1/9']);
  });

  test('what does not fit is lost: it is counted, then comes a fresh snapshot', async () => {
    const records = new FakeRecords();
    const sink = open(records, { queueMax: 8, inFlightMax: 1 });
    sink.paused = true;
    await turn();
    for (const record of createRecords(100)) {
      records.change('opened', record);
    }
    for (const record of createRecords(98)) {
      records.change('ended', record);
    }
    assert.deepEqual(sink.take(), ['end 0']);
    sink.resume();
    await turn();
    assert.deepEqual(sink.take(), ['lost 198', 'item c000000099/7', 'item c000000100/7', 'end 2']);
    assert.equal(sink.lostCount, 198);
    records.change('opened', first);
    await turn();
    assert.deepEqual(sink.take(), ['opened c1/7']);
  });

  test('what changes before the snapshot tells it is told by the snapshot', async () => {
    const records = new FakeRecords(createRecords(5));
    const sink = open(records, { inFlightMax: 1, batchMax: 2 });
    sink.paused = true;
    await turn();
    const [one, , three, four, five] = createRecords(5);
    assert.ok(one && three && four && five);
    records.change('updated', { ...one, retransmits: 8 });
    records.change('updated', { ...three, retransmits: 9 });
    records.change('ended', four);
    records.change('opened', { ...first, retransmits: 1 });
    records.change('updated', { ...first, retransmits: 2 });
    records.change('opened', second);
    records.change('ended', second);
    sink.resume();
    await turn();
    assert.deepEqual(sink.take(), [
      ...['item c000000001/7', 'item c000000002/7', 'item c000000003/9', 'item c000000004/7', 'item c000000005/7'],
      ...['item c1/2', 'item c2/7', 'end 7', 'updated c000000001/8', 'ended c000000004/7', 'ended c2/7'],
    ]);
  });

  test('what opens and ends during a snapshot is bounded as all that waits, and told as lost', async () => {
    const records = new FakeRecords(createRecords(3));
    const sink = open(records, { queueMax: 10, inFlightMax: 1, batchMax: 1 });
    sink.paused = true;
    await turn();
    for (const record of createRecords(100).slice(3)) {
      records.change('opened', record);
      records.change('ended', record);
    }
    sink.resume();
    for (let count = 0; count < 10; count += 1) {
      await turn();
    }
    const told = sink.take();
    assert.ok(told[1]?.startsWith('lost '), told[1]);
    assert.deepEqual(told.slice(2), ['item c000000001/7', 'item c000000002/7', 'item c000000003/7', 'end 3']);
  });

  test('a storm during a snapshot does not make it lose track', async () => {
    const records = new FakeRecords(createRecords(50));
    const sink = open(records, { queueMax: 8, inFlightMax: 1, batchMax: 2 });
    sink.paused = true;
    await turn();
    for (let retransmits = 8; retransmits < 12; retransmits += 1) {
      for (const record of createRecords(50).slice(2)) {
        records.change('updated', { ...record, retransmits });
      }
    }
    sink.resume();
    for (let count = 0; count < 50; count += 1) {
      await turn();
    }
    const told = sink.take();
    assert.equal(sink.lostCount, 0);
    assert.deepEqual(told.slice(-2), ['item c000000050/11', 'end 50']);
  });

  test('a snapshot that is overtaken is begun anew', async () => {
    const records = new FakeRecords(createRecords(4));
    const sink = open(records, { queueMax: 1, inFlightMax: 1, batchMax: 2 });
    sink.paused = true;
    await turn();
    for (const record of createRecords(4)) {
      records.change('ended', record);
    }
    sink.resume();
    await turn();
    await turn();
    const changes = sink.take();
    assert.deepEqual(changes.slice(2), ['lost 4', 'end 0']);
  });

  test('a heartbeat comes when nothing else does', async () => {
    const records = new FakeRecords();
    const sink = open(records, { heartbeatMs: 15_000 });
    await turn();
    sink.take();
    mock.timers.tick(14_999);
    assert.equal(sink.responses.length, 0);
    records.change('opened', first);
    await turn();
    assert.deepEqual(sink.take(), ['opened c1/7']);
    mock.timers.tick(14_999);
    assert.equal(sink.responses.length, 0);
    mock.timers.tick(1);
    assert.deepEqual(sink.responses, [[]]);
    mock.timers.tick(15_000);
    assert.deepEqual(sink.responses, [[], []]);
  });

  test('who reads nothing for the limit is ended, who reads a little is not', async () => {
    const records = new FakeRecords(createRecords(4));
    const sink = open(records, { slowMs: 30_000, heartbeatMs: 1e6, batchMax: 1, inFlightMax: 1 });
    for (let reads = 0; reads < 3; reads += 1) {
      sink.paused = true;
      await turn();
      mock.timers.tick(29_999);
      sink.resume();
    }
    assert.equal(sink.slow, 0);
    sink.paused = true;
    await turn();
    mock.timers.tick(30_000);
    assert.equal(sink.slow, 1);
    assert.equal(records.listeners, 0);
  });

  test('a closed session writes nothing', async () => {
    const records = new FakeRecords([first]);
    const sink = open(records);
    sessions[0]?.close();
    records.change('opened', second);
    await turn();
    mock.timers.tick(1e6);
    assert.deepEqual(sink.responses, []);
    assert.equal(records.listeners, 0);
  });

  test('a defect of the mapping ends the session, not the daemon', async () => {
    const records = new FakeRecords([first]);
    const sink = new FakeSink();
    const broken: RecordMapper = {
      ...mapper,
      snapshotItem: () => {
        throw new RangeError('broken');
      },
    };
    const all = parseConnectionFilter(null, createClock(), createWorkloads());
    sessions.push(new WatchSession(recordFeed(records), all, broken, sink));
    await turn();
    assert.equal(sink.errors.length, 1);
    assert.equal(records.listeners, 0);
  });
});
