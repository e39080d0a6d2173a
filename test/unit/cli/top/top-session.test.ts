// Proves how a use of `stuckctl top` begins and ends: the terminal is taken once and given back once, also when the daemon
// says nothing any more or refuses the question; and what is shown of what the daemon says, also while paused.
// The daemon and the terminal are made up; acceptance/top.test.ts has real ones.
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { Terminal } from '../../../../daemon/cli/top/terminal.js';
import { TopSession } from '../../../../daemon/cli/top/top-session.js';
import { createStyle } from '../../../../daemon/lib/terminal.js';
import { CallError, type StuckdClient, type WatchResponse } from '../../../../daemon/rpc/grpc-client.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { timestampFromUs } from '../../../../daemon/rpc/proto-time.js';
import { waitFor } from '../../../support/wait-for.js';
import { EPOCH_REAL_US, OWNER } from '../../rpc/sample-records.js';
import { FakeTerminal } from './fake-terminal.js';
import { connection, NOW_MS } from './sample-rows.js';

const never = new Promise<never>(() => undefined);

/** A daemon that takes every call and answers none. */
function frozenClient(watch: () => Promise<never> = () => never): StuckdClient {
  return {
    listProcesses: () => never,
    getStatus: () => never,
    watchResponses: () => ({ [Symbol.asyncIterator]: () => ({ next: watch }) }),
  } as unknown as StuckdClient;
}

function createSession(terminal: Terminal, client: StuckdClient, nowMs = (): number => NOW_MS): TopSession {
  return new TopSession({
    ...{ client, terminal, filter: {}, address: 'unix:/run/stuckd.sock' },
    ...{ style: createStyle(false), nowMs },
  });
}

describe('begin and end', () => {
  test('q leaves at once, also while calls wait for an answer', async () => {
    const terminal = new FakeTerminal();
    const running = createSession(terminal, frozenClient()).run(new AbortController().signal);
    await waitFor(() => terminal.story.includes('frame'), { what: 'the first frame' });
    terminal.type('q');
    await running;
    assert.deepEqual(terminal.story, ['open', 'frame', 'close']);
  });

  test('so does a signal, also one that came before', async () => {
    const terminal = new FakeTerminal();
    const controller = new AbortController();
    controller.abort();
    await createSession(terminal, frozenClient()).run(controller.signal);
    assert.equal(terminal.story.at(-1), 'close');
  });

  test('so does a terminal that nobody looks at any more', async () => {
    const terminal = new FakeTerminal();
    const running = createSession(terminal, frozenClient()).run(new AbortController().signal);
    terminal.events?.hungUp();
    await running;
    assert.equal(terminal.story.at(-1), 'close');
  });

  test('a question that is refused ends it, with the error', async () => {
    const terminal = new FakeTerminal();
    const refusing = frozenClient(() => Promise.reject(new CallError('invalid', 'no such filter')));
    await assert.rejects(createSession(terminal, refusing).run(new AbortController().signal), /no such filter/);
    assert.equal(terminal.story.at(-1), 'close');
  });

  test('a key that comes in pieces is one key', async () => {
    const terminal = new FakeTerminal();
    const running = createSession(terminal, frozenClient()).run(new AbortController().signal);
    // Taken for keys of their own, the last of these pieces would end it.
    for (const piece of ['\x1b', '[', 'q']) {
      terminal.type(piece);
    }
    await waitFor(() => terminal.story.includes('frame') || terminal.story.includes('close'), { what: 'a frame' });
    assert.deepEqual(terminal.story, ['open', 'frame']);
    terminal.type('q');
    await running;
    assert.deepEqual(terminal.story, ['open', 'frame', 'close']);
  });

  test('Ctrl-Z, also while a filter is typed, and all of the screen again afterwards', async () => {
    const terminal = new FakeTerminal();
    const running = createSession(terminal, frozenClient()).run(new AbortController().signal);
    terminal.type('/\x1a');
    assert.equal(terminal.story.at(-1), 'suspend');
    terminal.events?.blank();
    await waitFor(() => terminal.story.at(-1) === 'frame', { what: 'a frame' });
    terminal.type('\x03');
    await running;
  });
});

/** A daemon with two stuck connections; the test says when it counts them, and what else happens. */
class FakeDaemon {
  /** Answers what was asked about totals. */
  count: () => void = () => undefined;
  #lost: CallError | null = null;
  readonly #pages: { id: string; answer: (response: unknown) => void }[] = [];
  #fail: (error: CallError) => void = () => undefined;

  /** Ids of connections that were asked for and not answered. */
  get asked(): readonly string[] {
    return this.#pages.map(({ id }) => id);
  }

  get client(): StuckdClient {
    return {
      getStatus: () => Promise.resolve({ problems: [] }),
      listProcesses: () =>
        new Promise((resolve) => {
          this.count = () => {
            resolve({ processes: [this.#summary()] });
          };
        }),
      watchResponses: () => this.#watch(),
      getStuckConnection: (id: string) =>
        new Promise((resolve) => {
          this.#pages.push({ id, answer: resolve });
        }),
    } as unknown as StuckdClient;
  }

  /** Ends the watch, and every one that is tried after it. */
  lose(reason: string): void {
    this.#lost = new CallError('unreachable', reason);
    this.#fail(this.#lost);
  }

  answerPage(id: string): void {
    const index = this.#pages.findIndex((page) => page.id === id);
    const [page] = this.#pages.splice(index, 1);
    page?.answer(stuckd.v1.GetStuckConnectionResponse.create({ stuckConnection: connection({ id }) }));
  }

  #summary(): stuckd.v1.ProcessSummary.$Properties {
    const process = { pid: OWNER.pid, comm: 'node', startTime: timestampFromUs(EPOCH_REAL_US - 60_000_000) };
    const peer = { address: '10.0.0.2', port: 8000 };
    return { process, destinations: [{ peer, totalCount: 10 }] };
  }

  async *#watch(): AsyncGenerator<WatchResponse> {
    if (this.#lost !== null) {
      throw this.#lost;
    }
    const changes = [
      { snapshotItem: connection({ id: 'c1' }) },
      { snapshotItem: connection({ id: 'c2' }) },
      { snapshotEnd: {} },
    ];
    yield stuckd.v1.WatchStuckConnectionsResponse.create({ changes });
    await new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
  }
}

describe('what is shown', () => {
  let end: () => Promise<void> = () => Promise.resolve();

  afterEach(() => end());

  function start(daemon: FakeDaemon, nowMs?: () => number): FakeTerminal {
    const terminal = new FakeTerminal();
    const running = createSession(terminal, daemon.client, nowMs).run(new AbortController().signal);
    end = () => {
      terminal.type('\x03');
      return running;
    };
    return terminal;
  }

  async function until(terminal: FakeTerminal, wanted: RegExp): Promise<void> {
    try {
      await waitFor(() => wanted.test(terminal.screen), { what: String(wanted) });
    } catch (error) {
      throw new Error(`the screen shows\n${terminal.screen}`, { cause: error });
    }
  }

  test('totals, also when nothing else has changed since the last frame', async () => {
    const daemon = new FakeDaemon();
    const terminal = start(daemon);
    await until(terminal, /> node\[12900\] +10\.0\.0\.2:8000 +2 +retrans/);
    daemon.count();
    await until(terminal, /> node\[12900\] +10\.0\.0\.2:8000 +2 of 10 /);
  });

  test('paused: nothing moves but the time for which the daemon has been gone', async () => {
    const daemon = new FakeDaemon();
    let nowMs = NOW_MS;
    const terminal = start(daemon, () => nowMs);
    await until(terminal, /2 +retransmitting +1m 20s/);
    terminal.type('p');
    await until(terminal, /PAUSED {2}unix:/);
    nowMs += 60_000;
    daemon.lose('connect ENOENT');
    await until(terminal, /PAUSED {2}NOT CONNECTED for 0\.0s[^]*trying again: connect ENOENT/);
    nowMs += 3000;
    await until(terminal, /NOT CONNECTED for 3\.0s/);
    assert.match(terminal.screen, /2 +retransmitting +1m 20s/);
    terminal.type('p');
    await until(terminal, /2m 23s/);
  });

  test('a page that comes late does not take the place of the one that is looked at', async () => {
    const daemon = new FakeDaemon();
    const terminal = start(daemon);
    await until(terminal, /> node/);
    terminal.type('\r\r');
    await waitFor(() => daemon.asked.includes('c1'), { what: 'the question' });
    terminal.type('qj\r');
    await waitFor(() => daemon.asked.includes('c2'), { what: 'the other question' });
    daemon.answerPage('c2');
    await until(terminal, /connection c2\nnode\[12900\] has had no answer/);
    daemon.answerPage('c1');
    terminal.events?.blank();
    terminal.type('j');
    await until(terminal, /connection c2\n(?!node\[12900\] has)/);
    assert.ok(!terminal.screen.includes('asking'));
  });
});
