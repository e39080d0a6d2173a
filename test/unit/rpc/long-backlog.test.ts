// Proves what happens while a subscriber that comes back is caught up from a journal that takes long to read: it hears at
// once that it was accepted, and goes on hearing; reading ends with it; and of many only a few read at a time. How long a
// disk takes is up to the test: it lets the journal go on, chunk by chunk.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { LogEntry } from '../../../daemon/core/history.js';
import type { RecordChange } from '../../../daemon/core/ports.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { parseConnectionFilter } from '../../../daemon/rpc/connection-filter.js';
import { ConnectionHistory } from '../../../daemon/rpc/connection-history.js';
import { recordFeed } from '../../../daemon/rpc/connection-service.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import type { EncodedChange } from '../../../daemon/rpc/shared-change.js';
import { storedChange } from '../../../daemon/rpc/stored-change.js';
import { WATCH_LIMITS, WatchSession } from '../../../daemon/rpc/watch-session.js';
import { waitFor } from '../../support/wait-for.js';
import { FakeJournal } from './fake-journal.js';
import { createClock, createRecord, createWorkloads, FakeRecords } from './sample-records.js';

/** Every read waits for `letOn` before each chunk. */
class SlowJournal extends FakeJournal {
  /** Reads under way, and the most of them at a time. */
  reading = 0;
  readingMost = 0;
  /** Chunks that were read. */
  chunks = 0;
  readonly #waiting: (() => void)[] = [];
  #isFree = false;

  override async *read(after: number): AsyncGenerator<readonly LogEntry[]> {
    this.reading += 1;
    this.readingMost = Math.max(this.readingMost, this.reading);
    try {
      for await (const entries of super.read(after)) {
        if (!this.#isFree) {
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
        }
        this.chunks += 1;
        yield entries;
      }
    } finally {
      this.reading -= 1;
    }
  }

  /** Lets every read that waits have one chunk. */
  letOn(): void {
    for (const go of this.#waiting.splice(0)) {
      go();
    }
  }

  /** Nothing waits any more. */
  free(): void {
    this.#isFree = true;
    this.letOn();
  }
}

const CLOCK = createClock();
const WORKLOADS = createWorkloads();
/** None of the changes in the journal matches it. */
const FILTER = parseConnectionFilter({ kinds: [stuckd.v1.StuckKind.STUCK_KIND_CLOSING] }, CLOCK, WORKLOADS);
const CHANGES = 100;

interface Watch {
  readonly session: WatchSession<StuckRecord, RecordChange, EncodedChange>;
  /** The number of changes, and the place, of every response. */
  readonly responses: { readonly changes: number; readonly place: unknown }[];
}

let journal: SlowJournal;
let records: FakeRecords;
let history: ConnectionHistory;
let watches: Watch[];

beforeEach(async () => {
  journal = new SlowJournal();
  records = new FakeRecords();
  watches = [];
  const ended = { append: () => 0, readAll: () => assert.fail('nothing is listed') };
  history = new ConnectionHistory({ journal, ended, open: () => Promise.resolve() }, records, CLOCK, WORKLOADS);
  await history.settle();
  for (let index = 0; index < CHANGES; index++) {
    records.change('opened', createRecord({ id: `c${index}` }));
  }
});

afterEach(async () => {
  for (const { session } of watches) {
    session.close();
  }
  journal.free();
  await waitFor(() => journal.reading === 0, { what: 'all reads to end' });
});

/** Resumes after a change. */
function resume(after: number, heartbeatMs: number): Watch {
  const token = history.stream.place(FILTER, '', storedChange).token(after);
  const responses: Watch['responses'] = [];
  const session = new WatchSession(
    recordFeed(records),
    FILTER,
    history.mapper,
    {
      write: (changes, resumeToken, flushed) => {
        const place = (JSON.parse(Buffer.from(resumeToken, 'base64url').toString()) as unknown[])[3];
        responses.push({ changes: changes.length, place });
        flushed();
      },
      tooSlow: () => assert.fail('too slow'),
      failed: (error) => assert.fail(String(error)),
      lost: () => undefined,
    },
    { ...WATCH_LIMITS, heartbeatMs },
    history.stream.place(FILTER, token, storedChange),
  );
  const watch = { session, responses };
  watches.push(watch);
  return watch;
}

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) {
    await turn();
  }
}

describe('a long backlog', () => {
  for (const after of [0, 50]) {
    test(`from change ${after}: the place is confirmed before anything is read, and again while it is`, async () => {
      const { responses } = resume(after, 20);
      await waitFor(() => responses.length >= 3, { what: 'two heartbeats' });
      assert.equal(journal.chunks, 0);
      assert.ok(responses.every(({ changes, place }) => changes === 0 && place === after));
      journal.free();
      await waitFor(() => responses.at(-1)?.place === CHANGES, { what: 'the end of it' });
      records.change('opened', createRecord({ id: 'news', kind: 'closing' }));
      await waitFor(() => responses.some(({ changes }) => changes === 1), { what: 'what happens now' });
    });

    test(`from change ${after}: reading ends with the watch`, async () => {
      const { session } = resume(after, 600_000);
      await waitFor(() => journal.reading === 1, { what: 'reading to begin' });
      await turns();
      journal.letOn();
      await turns();
      session.close();
      journal.free();
      await waitFor(() => journal.reading === 0, { what: 'reading to end' });
      assert.ok(journal.chunks <= 3, `${journal.chunks} of ${CHANGES / 2} chunks were read`);
    });
  }

  test('other work gets its turn after every chunk, also where nothing matches', async () => {
    const { responses } = resume(0, 600_000);
    journal.free();
    let count = 0;
    while (responses.at(-1)?.place !== CHANGES) {
      await turn();
      count += 1;
    }
    assert.ok(count >= CHANGES / 2, `${count} turns`);
  });
});

test('of 64 a few read at a time, the others wait in line, and all arrive', async () => {
  const all = Array.from({ length: 64 }, () => resume(0, 600_000));
  await waitFor(() => all.every(({ responses }) => responses.length === 1), { what: 'all to be accepted' });
  await turns();
  assert.equal(journal.reading, 4);
  const [first, , , , waiting] = all;
  first?.session.close();
  waiting?.session.close();
  journal.free();
  const left = all.filter((watch) => watch !== first && watch !== waiting);
  await waitFor(() => left.every(({ responses }) => responses.at(-1)?.place === CHANGES), { what: 'all of them' });
  assert.equal(journal.readingMost, 4);
  // One chunk shows each that there is nothing before its place.
  const chunksOfOne = 1 + CHANGES / 2;
  assert.ok(journal.chunks <= left.length * chunksOfOne + 2, 'those that left have not read all');
});
