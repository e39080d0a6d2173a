// Proves what a subscriber that comes back is told of what the journal has, with filters of every kind; that a gap is never
// read over; and how a session goes on from there. The journal is one in memory: files are in unit/store, all of it together
// in acceptance/resume.test.ts.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { LogGapError, type StreamHistory } from '../../../daemon/core/history.js';
import type { RecordChange } from '../../../daemon/core/ports.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { type ConnectionFilter, parseConnectionFilter } from '../../../daemon/rpc/connection-filter.js';
import { ConnectionHistory } from '../../../daemon/rpc/connection-history.js';
import { recordFeed } from '../../../daemon/rpc/connection-service.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { encodeResumeToken } from '../../../daemon/rpc/resume-token.js';
import { RpcError } from '../../../daemon/rpc/status.js';
import { storedChange } from '../../../daemon/rpc/stored-change.js';
import type { WatchBacklog } from '../../../daemon/rpc/watch-backlog.js';
import { WATCH_LIMITS, WatchSession } from '../../../daemon/rpc/watch-session.js';
import type { EncodedChange } from '../../../daemon/rpc/shared-change.js';
import { FakeJournal } from './fake-journal.js';
import { createClock, createRecord, createWorkloads, FakeRecords } from './sample-records.js';

const CLOCK = createClock();
const WORKLOADS = createWorkloads();

let journal: FakeJournal;
let records: FakeRecords;
let history: ConnectionHistory;
let sessions: WatchSession<StuckRecord, RecordChange, EncodedChange>[];

beforeEach(() => {
  journal = new FakeJournal();
  records = new FakeRecords();
  sessions = [];
  const stream: StreamHistory = { journal, ended: new NoDisk(), open: () => Promise.resolve() };
  history = new ConnectionHistory(stream, records, CLOCK, WORKLOADS);
});

afterEach(() => {
  for (const session of sessions) {
    session.close();
  }
});

/** Takes ended records and forgets them. */
class NoDisk {
  append(): number {
    return 0;
  }

  async *readAll(): AsyncGenerator<readonly never[]> {
    // nothing is kept
  }
}

function words(changes: readonly EncodedChange[]): string[] {
  return changes.map(({ bytes }) => {
    const { opened, updated, ended, snapshotItem, snapshotEnd, lost } = stuckd.v1.Change.decode(bytes);
    const [kind, item] = Object.entries({ opened, updated, ended, snapshotItem }).find(([, value]) => value) ?? [];
    if (lost) {
      return `lost ${(lost.count ?? 0).toString()}`;
    }
    return snapshotEnd ? 'snapshotEnd' : `${kind ?? 'nothing'} ${item?.id ?? ''}`;
  });
}

function filterOf(filter: stuckd.v1.ConnectionFilter.$Properties): ConnectionFilter {
  return parseConnectionFilter(filter, CLOCK, WORKLOADS);
}

const RETRANSMITTING = filterOf({ kinds: [1] });

async function backlogFrom(sequence: number, filter: ConnectionFilter): Promise<WatchBacklog<EncodedChange>> {
  await history.settle();
  const token = history.stream.place(filter, '', storedChange).token(sequence);
  const { backlog } = history.stream.place(filter, token, storedChange);
  assert.ok(backlog !== null);
  return backlog;
}

async function all(backlog: WatchBacklog<EncodedChange>): Promise<string[]> {
  const found: string[] = [];
  for (let changes = await backlog.next(); changes.length > 0; changes = await backlog.next()) {
    found.push(...words(changes));
  }
  return found;
}

function tell(kind: RecordChange['kind'], id: string, changes: Partial<StuckRecord> = {}): void {
  records.change(kind, createRecord({ id, ...changes }));
}

describe('what was missed', () => {
  test('everything after the place, in order', async () => {
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5']) {
      tell('opened', id);
    }
    const backlog = await backlogFrom(2, filterOf({}));
    assert.deepEqual(await all(backlog), ['opened c3', 'opened c4', 'opened c5']);
    tell('ended', 'c1');
    assert.deepEqual(await all(backlog), ['ended c1'], 'and what came meanwhile');
    assert.equal(backlog.position, 6);
  });

  test('a filter lets through what it follows, and skips the rest', async () => {
    tell('opened', 'seen');
    tell('opened', 'other', { kind: 'closing' });
    tell('updated', 'seen', { kind: 'closing' });
    tell('updated', 'other', { kind: 'closing' });
    tell('updated', 'other');
    tell('ended', 'seen', { kind: 'closing' });
    assert.deepEqual(await all(await backlogFrom(2, RETRANSMITTING)), ['updated seen', 'opened other', 'ended seen']);
  });

  test('what it does not follow is skipped, but the place moves on', async () => {
    tell('opened', 'other', { kind: 'closing' });
    const backlog = await backlogFrom(0, RETRANSMITTING);
    assert.deepEqual(await all(backlog), []);
    assert.equal(backlog.position, 1);
  });

  test('what opened before the journal begins and matches is told as it is', async () => {
    tell('opened', 'old');
    tell('opened', 'young', { kind: 'closing' });
    journal.floor = 1;
    tell('updated', 'old');
    assert.deepEqual(await all(await backlogFrom(2, RETRANSMITTING)), ['updated old']);
  });

  test('what opened before it begins and does not match may have matched: a gap', async () => {
    tell('opened', 'old');
    tell('opened', 'young', { kind: 'closing' });
    journal.floor = 1;
    tell('updated', 'old', { kind: 'closing' });
    await assert.rejects(all(await backlogFrom(2, RETRANSMITTING)), LogGapError);
  });

  test('a place that was left behind while it was read: a gap', async () => {
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5']) {
      tell('opened', id);
    }
    const backlog = await backlogFrom(0, filterOf({}));
    await backlog.next();
    journal.cut();
    await assert.rejects(all(backlog), LogGapError);
  });
});

describe('a session that is resumed', () => {
  interface Response {
    readonly words: readonly string[];
    readonly token: string;
  }

  function open(filter: ConnectionFilter, token: string): Response[] {
    const responses: Response[] = [];
    const session = new WatchSession(
      recordFeed(records),
      filter,
      history.mapper,
      {
        write: (changes, resumeToken, flushed) => {
          responses.push({ words: words(changes), token: resumeToken });
          flushed();
        },
        tooSlow: () => assert.fail('too slow'),
        failed: (error) => assert.fail(String(error)),
        lost: () => undefined,
      },
      WATCH_LIMITS,
      history.stream.place(filter, token, storedChange),
    );
    sessions.push(session);
    return responses;
  }

  async function turns(): Promise<void> {
    for (let count = 0; count < 50; count++) {
      await turn();
    }
  }

  function sequenceOf(token: string): unknown {
    return (JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[])[3];
  }

  test('catches up, says so, and goes on; every token is the place of the last change', async () => {
    await history.settle();
    const all0 = filterOf({});
    const start = history.stream.place(all0, '', storedChange).token(0);
    tell('opened', 'c1');
    tell('opened', 'c2');
    tell('opened', 'c3');
    const responses = open(all0, start);
    await turns();
    assert.deepEqual(
      responses.map((response) => response.words),
      [[], ['opened c1', 'opened c2'], ['opened c3'], []],
    );
    tell('ended', 'c1');
    await turns();
    assert.deepEqual(responses.at(-1)?.words, ['ended c1']);
    assert.deepEqual(
      responses.map(({ token }) => sequenceOf(token)),
      [0, 2, 3, 3, 4],
    );
  });

  test('that has fallen behind the journal is told what it lost, and gets a snapshot', async () => {
    await history.settle();
    const filter = filterOf({});
    const start = history.stream.place(filter, '', storedChange).token(0);
    for (const id of ['c1', 'c2', 'c3']) {
      tell('opened', id);
    }
    const responses = open(filter, start);
    journal.floor = 2;
    await turns();
    assert.deepEqual(
      responses.flatMap((response) => response.words),
      ['lost 3', 'snapshotItem c1', 'snapshotItem c2', 'snapshotItem c3', 'snapshotEnd'],
    );
    assert.equal(sequenceOf(responses.at(-1)?.token ?? ''), 3);
  });

  test('before open records are back: nothing but that it is resumed; then what becomes of them', async () => {
    const filter = filterOf({});
    tell('opened', 'c1');
    const early = open(filter, '');
    const token = encodeResumeToken('connections', { run: journal.run, sequence: 1 }, filter.fingerprint);
    const responses = open(filter, token);
    await turns();
    assert.deepEqual(
      early.map((response) => response.token),
      [''],
      'a snapshot of that time is no place to go on from',
    );
    assert.deepEqual(
      responses.map((response) => response.words),
      [[]],
    );
    tell('opened', 'c1');
    await history.settle();
    tell('ended', 'c1');
    await turns();
    assert.deepEqual(
      responses.flatMap((response) => response.words),
      ['ended c1'],
    );
  });

  test('is refused for a place that the journal does not reach', async () => {
    await history.settle();
    const filter = filterOf({});
    tell('opened', 'c1');
    const { token } = history.stream.place(filter, '', storedChange);
    for (const sequence of [2, 1e9]) {
      assert.throws(
        () => open(filter, token(sequence)),
        (error) => error instanceof RpcError && error.code === status.OUT_OF_RANGE,
      );
    }
    journal.floor = 1;
    assert.throws(() => open(filter, token(0)), /watch again without a token/);
  });
});
