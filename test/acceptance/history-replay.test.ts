// Proves the history of the whole daemon, between a recorded sensor and a real client: a watch that is resumed over a restart
// and over SIGKILL tells the incident once and completely; ended records outlive the daemon; a disk that is full, read-only
// or gone is said, costs nothing but what cannot be kept, and its return is noticed. It needs root for a file system of its
// own. The stream is that of one recorded incident; what is left after a power failure cannot be shown here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { waitFor } from '../support/wait-for.js';
import { Follower } from './history-bench.js';
import { getOne, listAll, ReplayBench } from './replay-bench.js';
import { forkDaemon, isOnDisk } from './replay-fork.js';
import { loadRecording } from './replay-recording.js';
import { startStuckctl } from './rpc-harness.js';
import { storiesOf } from './stored-bench.js';

const recording = loadRecording();
const noMount = process.geteuid?.() === 0 ? false : 'mounting a file system of its own takes root';

let bench: ReplayBench;
let cleanups: (() => void)[] = [];

beforeEach(() => {
  bench = new ReplayBench(recording);
  cleanups = [];
});

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) {
    cleanup();
  }
  await bench.close();
});

function onClean(cleanup: () => void): void {
  cleanups.push(cleanup);
}

function follow(client: StuckdClient, token = ''): Follower {
  const follower = new Follower(client, token);
  cleanups.push(() => {
    follower.stop();
  });
  return follower;
}

function assertTold(followers: readonly Follower[], count: number): void {
  const told = Object.values(storiesOf(followers));
  assert.equal(told.length, count, told.join('; '));
  for (const story of told) {
    assert.match(story, /^opened,(updated,)?ended$/);
  }
}

test('over a restart: a resumed watch tells the incident once and completely', async () => {
  const first = await bench.startDaemon();
  const before = follow(first.client);
  await waitFor(() => before.words.includes('snapshotEnd'), { what: 'the snapshot' });
  await bench.playTo('recovered');
  await waitFor(() => before.words.filter((word) => word.startsWith('opened')).length === 5, { what: 'five records' });
  await first.app.stop();
  await waitFor(() => before.error !== null, { what: 'the end of the watch' });
  const second = await bench.startDaemon();
  const after = follow(second.client, before.token);
  await bench.playTo('end');
  await waitFor(() => Object.values(storiesOf([before, after])).every((story) => story.endsWith('ended')), {
    what: 'every end',
  });
  assert.ok(!after.words.includes('snapshotEnd') && !after.words.includes('lost'));
  assertTold([before, after], 5);
});

test('over SIGKILL in the middle of it, and stuckctl says that it lost nothing', async () => {
  const first = await forkDaemon(bench, onClean);
  const stuckctl = startStuckctl(['watch', '-o', 'jsonl'], { STUCKD_ADDRESS: `unix:${bench.directory}/stuckd.sock` });
  cleanups.push(() => stuckctl.child.kill('SIGKILL'));
  const before = follow(first.client);
  await waitFor(() => before.words.includes('snapshotEnd'), { what: 'the snapshot' });
  await waitFor(() => stuckctl.stdout().includes('snapshotEnd'), { what: 'the snapshot of stuckctl' });
  await bench.playTo('black-holes');
  await waitFor(() => before.words.filter((word) => word.startsWith('opened')).length === 3, { what: 'three records' });
  // A change is told without waiting for the disk; that one which did not reach it is refused is shown in resume.test.ts.
  await waitFor(() => isOnDisk(bench, before.token), { what: 'what was told to be on disk' });
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await waitFor(() => before.error !== null, { what: 'the end of the watch' });
  const { token } = before;
  assert.notEqual(token, '');
  await waitFor(() => bench.connection.isClosed, { what: 'the sensor to notice' });

  const second = await forkDaemon(bench, onClean);
  const after = follow(second.client, token);
  await bench.playTo('end');
  await waitFor(
    () => {
      const told = Object.values(storiesOf([before, after]));
      return told.length >= 5 && told.every((story) => story.endsWith('ended'));
    },
    { what: 'every end' },
  );
  assert.deepEqual(
    [after.error, after.words.includes('snapshotEnd'), after.words.includes('lost')],
    [null, false, false],
  );
  assertTold([before, after], Object.keys(storiesOf([before, after])).length);
  await waitFor(() => stuckctl.stderr().includes('nothing was missed'), { what: 'stuckctl to be connected again' });
  assert.match(stuckctl.stderr(), /^connection lost \(.*\); trying again until Ctrl-C\nconnected again, resumed: /);
  const ids = Object.keys(storiesOf([before, after]));
  await waitFor(
    () =>
      stuckctl
        .stdout()
        .split('\n')
        .filter((line) => line.includes('"ended":')).length === ids.length,
    {
      what: 'every end in stuckctl',
    },
  );
});

test('an end that was told and not saved is not told again', async () => {
  const savedPath = join(bench.directory, 'state', 'open-records.jsonl');
  const first = await bench.startDaemon();
  const before = follow(first.client);
  await bench.playTo('orphan');
  const withBilling = (): boolean =>
    existsSync(savedPath) && readFileSync(savedPath, 'utf8').includes('"comm":"billing"');
  await waitFor(withBilling, { what: 'the open records on disk' });
  const saved = readFileSync(savedPath);
  await bench.playTo('recovered');
  await waitFor(() => before.words.some((word) => word.startsWith('ended')), { what: 'the end of billing' });
  await first.app.stop();
  await waitFor(() => before.error !== null, { what: 'the end of the watch' });
  writeFileSync(savedPath, saved); // as if the daemon had been killed before it wrote the next one
  const second = await bench.startDaemon();
  const after = follow(second.client, before.token);
  await bench.playTo('end');
  await waitFor(() => Object.values(storiesOf([before, after])).every((story) => story.endsWith('ended')), {
    what: 'every end',
  });
  for (const story of Object.values(storiesOf([before, after]))) {
    assert.match(story, /^opened,(updated,)?ended$/);
  }
});

test('ended records outlive the daemon: list, get, time range', async () => {
  const first = await bench.startDaemon();
  await bench.playTo('end');
  const ended = await listAll(first.client, true);
  assert.equal(ended.length, 5);
  await first.app.stop();
  const { client } = await bench.startDaemon();
  assert.deepEqual(await listAll(client, true), ended);
  assert.deepEqual(await listAll(client, false), []);
  const [one] = ended;
  assert.ok(one !== undefined);
  assert.deepEqual(await getOne(client, one.id), one);
  const env = { STUCKD_ADDRESS: `unix:${bench.directory}/stuckd.sock` };
  const ids = async (...args: string[]): Promise<string[]> => {
    const { stdout, code } = await startStuckctl(['list', '--ended', '-o', 'jsonl', ...args], env).ended;
    assert.equal(code, 0);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: string }).id]));
  };
  const byEnd = ended.toSorted((a, b) => Date.parse(a.endTime ?? '') - Date.parse(b.endTime ?? ''));
  const between = new Date(Date.parse(byEnd[1]?.endTime ?? '') + 1).toISOString();
  assert.deepEqual(
    (await ids('--since', between)).sort(),
    byEnd
      .slice(2)
      .map(({ id }) => id)
      .sort(),
  );
  assert.deepEqual(await ids('--since', '1s'), [], 'the recording is older');
});

describe('a disk that fails', { skip: noMount }, () => {
  const state = (): string => join(bench.directory, 'state');
  const remount = (options: string): void => {
    execFileSync('mount', ['-o', `remount,${options}`, state()]);
  };

  beforeEach(() => {
    mkdirSync(state());
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0750', 'stuckd-test', state()]);
    cleanups.push(() => {
      execFileSync('umount', ['-l', state()]);
    });
  });

  const MEMORY_ONLY = /^the history of connections is kept in memory only, .*: (ENOSPC|EROFS)/;

  for (const { name, breakIt, repair } of [
    {
      name: 'full',
      breakIt: () => {
        try {
          writeFileSync(join(state(), 'ballast'), Buffer.alloc(4 << 20));
        } catch {
          // It is full: that is what it is for.
        }
      },
      repair: () => {
        rmSync(join(state(), 'ballast'));
      },
    },
    {
      name: 'read-only',
      breakIt: () => {
        remount('ro');
      },
      repair: () => {
        remount('rw');
      },
    },
  ]) {
    test(`${name}: the daemon says so and goes on, and recovers by itself`, async () => {
      const daemon = await bench.startDaemon();
      const before = follow(daemon.client);
      await waitFor(() => before.words.includes('snapshotEnd'), { what: 'the snapshot' });
      await bench.playTo('quiet');
      breakIt();
      await bench.playTo('orphan');
      const { problems } = await bench.untilStatus(daemon, 'the problem', ({ problems: found }) =>
        found.some((problem) => MEMORY_ONLY.test(problem)),
      );
      assert.equal(problems.filter((problem) => MEMORY_ONLY.test(problem)).length, 1);
      before.stop();
      await bench.playTo('recovered');
      const resumed = follow(daemon.client, before.token);
      await waitFor(() => resumed.words.some((word) => word.startsWith('ended')), { what: 'a watch that is resumed' });
      assert.equal((await listAll(daemon.client, true)).length, 5);
      const errors = bench.log.filter(({ level, message }) => level === 'error' && message.includes('history'));
      assert.equal(errors.length, 1, 'one line says it');

      repair();
      await bench.untilStatus(daemon, 'the recovery', ({ problems: left }) =>
        left.every((text) => !MEMORY_ONLY.test(text)),
      );
      assert.deepEqual(
        bench.log.filter(({ message }) => message === 'the history of connections is written again').length,
        1,
      );
      await bench.playTo('end');
      await waitFor(() => Object.values(storiesOf([before, resumed])).every((story) => story.endsWith('ended')), {
        what: 'every end',
      });
      assertTold([before, resumed], 5);
      const ended = await listAll(daemon.client, true);
      await daemon.app.stop();
      const { client } = await bench.startDaemon();
      assert.deepEqual(await listAll(client, true), ended, 'what was kept in memory was written when there was room');
      const again = follow(client, before.token);
      await waitFor(() => Object.values(storiesOf([before, again])).every((story) => story.endsWith('ended')), {
        what: 'every end once more',
      });
    });
  }
});
