// Proves what `stuckctl top` makes of a daemon that fails, comes back, or refuses: which connections are known, since when
// it is said to be gone, how long is waited, and that its words are harmless. Time and daemon are made up.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FollowedRecords } from '../../../../daemon/cli/top/followed-records.js';
import { type Feed, followRecords, followTotals } from '../../../../daemon/cli/top/top-feed.js';
import { CallError, type WatchChange, type WatchResponse } from '../../../../daemon/rpc/grpc-client.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { connection } from './sample-rows.js';

/** What a daemon says in one watch, and how that ends; the last one never ends by itself. */
interface Attempt {
  readonly changes: readonly (readonly WatchChange[])[];
  readonly error?: Error;
}

interface Told {
  /** Links, pauses and totals, in order. */
  readonly story: string[];
  readonly feed: Feed;
  readonly ended: AbortController;
}

/** Each pause takes as long as it should, by a clock that moves by nothing else. @param pauses until it is ended */
function createFeed(client: Partial<Feed['client']>, pauses: number): Told {
  const story: string[] = [];
  const ended = new AbortController();
  let nowMs = 0;
  let left = pauses;
  const unused = (): never => assert.fail('this is not asked for');
  return {
    story,
    ended,
    feed: {
      client: { watchResponses: unused, listProcesses: unused, getStatus: unused, ...client },
      filter: {},
      nowMs: () => nowMs,
      pause: (forMs) => {
        story.push(`pause ${forMs.toString()}`);
        nowMs += forMs;
        left -= 1;
        if (left === 0) {
          ended.abort();
        }
        return Promise.resolve();
      },
      events: {
        changed: () => undefined,
        linked: ({ isLive, reason, sinceMs }) => {
          story.push(isLive ? 'live' : `gone since ${sinceMs.toString()}: ${reason}`);
        },
        counted: (totals, problems) => {
          story.push(`totals ${[...totals.values()].join(' ')}; ${problems.join(', ')}`);
        },
      },
    },
  };
}

async function follow(attempts: readonly Attempt[]): Promise<{ ids: readonly string[]; story: readonly string[] }> {
  const left = [...attempts];
  async function* watch(): AsyncGenerator<WatchResponse> {
    const { changes = [], error } = left.shift() ?? {};
    for (const some of changes) {
      yield await Promise.resolve(stuckd.v1.WatchStuckConnectionsResponse.create({ changes: [...some] }));
    }
    if (error !== undefined) {
      throw error;
    }
  }
  const { story, feed, ended } = createFeed({ watchResponses: watch }, attempts.length);
  const records = new FollowedRecords();
  await followRecords(feed, records, ended.signal);
  return { ids: [...records.connections].map(({ id }) => id), story };
}

const item = (id: string): WatchChange => ({ snapshotItem: connection({ id }) });
const gone = (reason: string): CallError => new CallError('unreachable', reason);

describe('the watch', () => {
  test('an outage has one beginning, and pauses in it become longer', async () => {
    const { story } = await follow([
      { changes: [[{ snapshotEnd: {} }]], error: gone('reset') },
      { changes: [], error: gone('refused') },
      { changes: [], error: new CallError('refused', 'too many subscribers') },
      { changes: [[{ snapshotEnd: {} }]] },
      { changes: [], error: gone('refused') },
    ]);
    assert.deepEqual(story, [
      ...['live', 'gone since 0: reset', 'pause 250', 'gone since 0: refused', 'pause 500'],
      ...['gone since 0: too many subscribers', 'pause 1000'],
      ...['live', 'gone since 1750: the watch was ended', 'pause 250', 'gone since 1750: refused', 'pause 500'],
    ]);
  });

  test('a snapshot that was broken off is forgotten: what is shown is that of before until the next one is whole', async () => {
    const whole: Attempt = { changes: [[item('a')], [{ snapshotEnd: {} }]], error: gone('reset') };
    const broken: Attempt = { changes: [[item('b')]], error: gone('reset') };
    assert.deepEqual((await follow([whole, broken])).ids, ['a']);
    const next: Attempt = { changes: [[item('c')], [{ snapshotEnd: {} }]], error: gone('reset') };
    assert.deepEqual((await follow([whole, broken, next])).ids, ['c']);
  });

  test('what the daemon says is harmless', async () => {
    const { story } = await follow([{ changes: [], error: gone('\x1b[2J') }]);
    assert.equal(story[0], 'gone since 0: \\x1b[2J');
  });

  test('a question that will never be answered, and a defect, are errors', async () => {
    await assert.rejects(
      follow([{ changes: [], error: new CallError('invalid', 'no such filter') }]),
      /no such filter/,
    );
    await assert.rejects(follow([{ changes: [], error: new TypeError('a defect') }]), /a defect/);
  });
});

describe('totals', () => {
  async function totals(answers: readonly (() => Promise<number>)[]): Promise<readonly string[]> {
    const left = [...answers];
    const { story, feed, ended } = createFeed(
      {
        getStatus: () => Promise.resolve(stuckd.v1.GetStatusResponse.create({ problems: ['late\x1b[31m'] })),
        listProcesses: async () => {
          const totalCount = await left.shift()?.();
          const destinations = [{ localPort: 80, totalCount: totalCount ?? null }];
          const processes = [{ process: { pid: 1 }, destinations }];
          return stuckd.v1.ListProcessesResponse.create({ processes });
        },
      },
      answers.length,
    );
    await followTotals(feed, ended.signal);
    return story;
  }

  test('are asked for every five seconds, also when the daemon did not answer; its problems are harmless', async () => {
    const answers = [
      (): Promise<number> => Promise.resolve(3),
      () => Promise.reject(gone('refused')),
      () => Promise.resolve(4),
    ];
    assert.deepEqual(await totals(answers), [
      ...['totals 3; late\\x1b[31m', 'pause 5000', 'pause 5000', 'totals 4; late\\x1b[31m', 'pause 5000'],
    ]);
  });

  test('a defect is an error', async () => {
    await assert.rejects(totals([() => Promise.reject(new TypeError('a defect'))]), /a defect/);
  });
});
