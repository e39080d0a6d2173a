// Proves how one node of many is followed: it is told once that it is lost, and once that it is back, under a name that it may
// give up; what it refuses ends the watch; and whatever ends it, its client is closed. The daemon is a list of answers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { CliIo } from '../../../../daemon/cli/cli-io.js';
import { NodeWatch, type NodeWatchPlan } from '../../../../daemon/cli/nodes/node-watch.js';
import { CallError, type StuckdClient } from '../../../../daemon/rpc/grpc-client.js';

const ADDRESS = 'h:1';
const AWAY = new CallError('unreachable', 'gone');

interface Change {
  readonly text: string;
  readonly lost?: unknown;
}

/** What happens when the daemon is asked to be watched. */
type Attempt = CallError | readonly Change[];

interface Played {
  readonly watch: NodeWatch<Change>;
  readonly told: string[];
  readonly closed: () => number;
}

/**
 * @param attempts one after the other, until the watch is stopped
 * @param name of the node, where it has said who it is; else it is `web-1`, if that is wanted
 */
function play(attempts: readonly Attempt[], name: string | null, isWanted = true): Played {
  const told: string[] = [];
  const left = [...attempts];
  let closed = 0;
  const client = {
    getStatus: () => Promise.resolve({ node: { hostname: 'web-1' } }),
    close: () => {
      closed += 1;
    },
  } as unknown as StuckdClient;
  const plan: NodeWatchPlan<Change> = {
    ...{ address: ADDRESS, client },
    async *open(_client, _token, signal) {
      const attempt = left.shift() ?? [];
      if (attempt instanceof CallError) {
        throw attempt;
      }
      yield { changes: attempt, resumeToken: '' };
      if (left.length === 0 && !signal.aborted) {
        await once(signal, 'abort');
      }
    },
    admit: (hostname) => (isWanted ? hostname : null),
    follower: (nameOf) => {
      told.push('follower');
      return {
        accept: ({ text }) => {
          told.push(`${nameOf()} ${text}`);
          if (text === 'last') {
            watch.stop();
          }
          return Promise.resolve();
        },
        restart: () => undefined,
        close: () => Promise.resolve(),
      };
    },
    teller: (nameOf) => ({
      lost: (reason) => Promise.resolve(void told.push(`${nameOf()} lost: ${reason}`)),
      back: (isComplete) => Promise.resolve(void told.push(`${nameOf()} back ${String(isComplete)}`)),
    }),
  };
  const io = { nowMs: () => 0 } as unknown as CliIo;
  const watch = new NodeWatch(plan, io, new AbortController().signal, name);
  return { watch, told, closed: () => closed };
}

const LAST: Attempt = [{ text: 'last' }];

test('what is away several times is told of once, and once when it is back', async () => {
  const { watch, told, closed } = play([AWAY, AWAY, LAST], 'web-1');
  await watch.run();
  assert.deepEqual(told, ['follower', 'web-1 lost: gone', 'web-1 back false', 'web-1 last']);
  assert.equal(closed(), 1);
  assert.equal(watch.isLost, false);
});

test('whoever was never heard of says its name first', async () => {
  const { watch, told } = play([LAST], null);
  watch.markLost();
  assert.equal(watch.name, ADDRESS);
  await watch.run();
  assert.deepEqual(told, ['follower', 'web-1 back false', 'web-1 last']);
});

test('whoever is lost later is told of by the watch itself, and is back only once', async () => {
  const { watch, told } = play([AWAY, [{ text: 'first' }], LAST], 'web-1');
  await watch.run();
  assert.deepEqual(told.slice(1), [
    ...['web-1 lost: gone', 'web-1 back false', 'web-1 first'],
    ...['web-1 lost: the watch was ended', 'web-1 back false', 'web-1 last'],
  ]);
});

test('nobody follows what is not wanted', async () => {
  const { watch, told, closed } = play([LAST], null, false);
  await watch.run();
  assert.deepEqual([told, closed()], [[], 1]);
});

test('a question that is refused is not asked again', async () => {
  const { watch, told, closed } = play([new CallError('invalid', 'no such filter'), LAST], 'web-1');
  await assert.rejects(watch.run(), /no such filter/);
  assert.deepEqual([told, closed()], [['follower'], 1]);
});

test('a name that is given up: from then on it is the address', async () => {
  const { watch, told } = play([AWAY, LAST], 'web-1');
  const running = watch.run();
  watch.giveUpName();
  await running;
  assert.deepEqual(told.slice(1), [`${ADDRESS} lost: gone`, `${ADDRESS} back false`, `${ADDRESS} last`]);
});

test('a watch that is stopped while it waits ends at once', async () => {
  const { watch, told, closed } = play([AWAY], 'web-1');
  const running = watch.run();
  watch.stop();
  await running;
  assert.equal(closed(), 1);
  assert.ok(!told.includes('web-1 back false'));
});
