// Proves how a use of `stuckctl top` begins and ends: the terminal is taken once and given back once, also when the daemon
// says nothing any more or refuses the question. The daemon and the terminal are made up; acceptance/top.test.ts has real ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Terminal, TerminalEvents } from '../../../../daemon/cli/top/terminal.js';
import { TopSession } from '../../../../daemon/cli/top/top-session.js';
import { createStyle } from '../../../../daemon/lib/terminal.js';
import { CallError, type StuckdClient } from '../../../../daemon/rpc/grpc-client.js';
import { waitFor } from '../../../support/wait-for.js';
import { NOW_MS } from './sample-rows.js';

interface FakeTerminal extends Terminal {
  /** What happened to it, in order; frames count once. */
  readonly story: string[];
  events: TerminalEvents | null;
}

function createTerminal(): FakeTerminal {
  const terminal: FakeTerminal = {
    story: [],
    events: null,
    size: () => ({ columns: 80, lines: 24 }),
    open: (events) => {
      terminal.story.push('open');
      terminal.events = events;
    },
    write: () => {
      if (terminal.story.at(-1) !== 'frame') {
        terminal.story.push('frame');
      }
      return Promise.resolve();
    },
    close: () => {
      terminal.story.push('close');
    },
  };
  return terminal;
}

const never = new Promise<never>(() => undefined);

/** A daemon that takes every call and answers none. */
function frozenClient(watch: () => Promise<never> = () => never): StuckdClient {
  return {
    listProcesses: () => never,
    getStatus: () => never,
    watchResponses: () => ({ [Symbol.asyncIterator]: () => ({ next: watch }) }),
  } as unknown as StuckdClient;
}

function createSession(terminal: Terminal, client: StuckdClient): TopSession {
  return new TopSession({
    ...{ client, terminal, filter: {}, address: 'unix:/run/stuckd.sock' },
    ...{ style: createStyle(false), nowMs: () => NOW_MS },
  });
}

test('q leaves at once, also while calls wait for an answer', async () => {
  const terminal = createTerminal();
  const running = createSession(terminal, frozenClient()).run(new AbortController().signal);
  await waitFor(() => terminal.story.includes('frame'), { what: 'the first frame' });
  terminal.events?.input('q');
  await running;
  assert.deepEqual(terminal.story, ['open', 'frame', 'close']);
});

test('so does a signal, also one that came before', async () => {
  const terminal = createTerminal();
  const controller = new AbortController();
  controller.abort();
  await createSession(terminal, frozenClient()).run(controller.signal);
  assert.equal(terminal.story.at(-1), 'close');
});

test('a question that is refused ends it, with the error', async () => {
  const terminal = createTerminal();
  const refusing = frozenClient(() => Promise.reject(new CallError('invalid', 'no such filter')));
  await assert.rejects(createSession(terminal, refusing).run(new AbortController().signal), /no such filter/);
  assert.equal(terminal.story.at(-1), 'close');
});

test('a key that comes in pieces is one key', async () => {
  const terminal = createTerminal();
  const running = createSession(terminal, frozenClient()).run(new AbortController().signal);
  // Taken for keys of their own, the last of these pieces would end it.
  for (const piece of ['\x1b', '[', 'q']) {
    terminal.events?.input(piece);
  }
  await waitFor(() => terminal.story.includes('frame') || terminal.story.includes('close'), { what: 'a frame' });
  assert.deepEqual(terminal.story, ['open', 'frame']);
  terminal.events?.input('q');
  await running;
  assert.deepEqual(terminal.story, ['open', 'frame', 'close']);
});
