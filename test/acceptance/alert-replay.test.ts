// Proves the history of alerts of the whole daemon, between a recorded sensor and a real client: a watch that is resumed over
// a restart and over SIGKILL tells each alert of the incident once and to its end, under one id; resolved alerts outlive the
// daemon; receivers are told of each once; a full disk is said, costs nothing but what cannot be kept, and its end is
// noticed. The last takes root, for a file system of its own. The stream is that of one recorded incident, with thresholds
// short enough for it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import type { StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { waitFor } from '../support/wait-for.js';
import { Endpoint } from '../unit/sinks/endpoint.js';
import { AlertFollower } from './alert-bench.js';
import { ReplayBench } from './replay-bench.js';
import { forkDaemon, isOnDisk } from './replay-fork.js';
import { loadRecording } from './replay-recording.js';
import { startStuckctl } from './rpc-harness.js';
import { storiesOf } from './stored-bench.js';

const recording = loadRecording();
const noMount = process.geteuid?.() === 0 ? false : 'mounting a file system of its own takes root';

const QUICK = {
  kinds: {
    retransmitting: { alert: { after: '500ms' } },
    keepalive_unanswered: { alert: { after: '500ms' } },
    connecting: { alert: { after: '500ms', connections: 1 } },
    closing: { alert: { after: '500ms', connections: 1 } },
  },
  alerts: { keepFiringFor: '1s', updateInterval: '1s' },
};

/** Alerts of which the connections are stuck at the mark `recovered`: of `orders`, `billing`, `gateway` and `reports`. */
const EARLY = 4;

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

function follow(client: StuckdClient, token = ''): AlertFollower {
  const follower = new AlertFollower(client, token);
  onClean(() => {
    follower.stop();
  });
  return follower;
}

async function followed(client: StuckdClient): Promise<AlertFollower> {
  const follower = follow(client);
  await waitFor(() => follower.words.includes('end'), { what: 'the snapshot' });
  return follower;
}

/** Waits while time passes, which in a recording it does not by itself. */
async function waitOn(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const conditionOrTime = (): boolean | Promise<boolean> => {
    bench.clock.advance(bench.clock.nowUs() + 50_000);
    return condition();
  };
  await waitFor(conditionOrTime, { what });
}

/** Plays the incident until half of it is told. */
async function untilEarlyFired(follower: AlertFollower): Promise<void> {
  await bench.playTo('recovered');
  const fired = (): string[] => follower.words.filter((word) => word.startsWith('fired'));
  await waitOn('the first alerts', () => fired().length >= EARLY);
}

/** Plays the incident to its end, lets so much time pass that all is over, and looks at what was told. */
async function untilAllResolved(client: StuckdClient, ...followers: readonly AlertFollower[]): Promise<void> {
  await bench.playTo('end');
  await waitOn('the end of everything', async () => {
    const { stuckConnections } = await client.listStuckConnections({});
    const { alerts } = await client.listAlerts({});
    return stuckConnections.length + alerts.length === 0;
  });
  const { alerts } = await client.listAlerts({ includeResolved: true });
  const ids = alerts.map(({ id }) => id ?? '');
  assert.ok(ids.length >= EARLY, ids.join());
  const told = (): Record<string, string> => storiesOf(followers);
  await waitFor(() => ids.every((id) => told()[id]?.endsWith('resolved')), { what: 'every end' });
  assert.deepEqual(Object.keys(told()).sort(), ids);
  for (const story of Object.values(told())) {
    assert.match(story, /^fired,(updated,)?resolved$/);
  }
}

async function listed(client: StuckdClient): Promise<unknown[]> {
  const { alerts } = await client.listAlerts({ includeResolved: true });
  // The clock of a summary is that of the reader as long as the alert is in memory.
  return alerts.map(({ id, status, kind, process, fireTime, endTime, stuckCount, connections }) => {
    return { id, status, kind, process, fireTime, endTime, stuckCount, ids: connections?.map((each) => each.id) };
  });
}

const savedPath = (): string => join(bench.directory, 'state', 'firing-alerts.json');

/** Waits until a daemon that is killed knows these alerts afterwards. */
async function untilSaved(ids: readonly string[]): Promise<void> {
  const saved = (): string => (existsSync(savedPath()) ? readFileSync(savedPath(), 'utf8') : '');
  await waitFor(() => ids.every((id) => saved().includes(id)), { what: 'the file of firing alerts' });
}

test('over a restart: a resumed watch tells each alert once, and resolved ones outlive the daemon', async () => {
  const first = await bench.startDaemon(QUICK);
  const before = await followed(first.client);
  await untilEarlyFired(before);
  await first.app.stop();
  await waitFor(() => before.error !== null, { what: 'the end of the watch' });
  const second = await bench.startDaemon(QUICK);
  const after = follow(second.client, before.token);
  await untilAllResolved(second.client, before, after);
  assert.ok(
    !after.words.some((word) => word.startsWith('snapshotItem') || word.startsWith('lost')),
    after.words.join(),
  );
  const all = await listed(second.client);
  await second.app.stop();
  const third = await bench.startDaemon(QUICK);
  assert.deepEqual(await listed(third.client), all);
  assert.deepEqual((await third.client.listAlerts({})).alerts, []);
});

test('over SIGKILL in the middle of it, and stuckctl says that it lost nothing', async () => {
  const first = await forkDaemon(bench, onClean, QUICK);
  const env = { STUCKD_ADDRESS: `unix:${bench.directory}/stuckd.sock` };
  const stuckctl = startStuckctl(['alerts', '--watch', '-o', 'jsonl'], env);
  onClean(() => stuckctl.child.kill('SIGKILL'));
  const before = await followed(first.client);
  await waitFor(() => stuckctl.stdout().includes('snapshotEnd'), { what: 'the snapshot of stuckctl' });
  await untilEarlyFired(before);
  await untilSaved(Object.keys(storiesOf([before])));
  await waitFor(() => isOnDisk(bench, before.token), { what: 'what was told to be on disk' });
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await waitFor(() => before.error !== null, { what: 'the end of the watch' });
  await waitFor(() => bench.connection.isClosed, { what: 'the sensor to notice' });

  const second = await forkDaemon(bench, onClean, QUICK);
  const after = follow(second.client, before.token);
  await untilAllResolved(second.client, before, after);
  assert.deepEqual(
    [after.error, after.words.filter((word) => word.startsWith('snapshotItem') || word.startsWith('lost'))],
    [null, []],
  );
  await waitFor(() => stuckctl.stderr().includes('nothing was missed'), { what: 'stuckctl to be connected again' });
  assert.match(stuckctl.stderr(), /^connection lost \(.*\); trying again until Ctrl-C\nconnected again, resumed: /);
  const count = Object.keys(storiesOf([before, after])).length;
  const ends = (): number => stuckctl.stdout().split('"resolved":').length - 1;
  await waitFor(() => ends() === count, { what: 'every end in stuckctl' });
});

test('over SIGKILL receivers are told of each alert once, and of its end', async () => {
  const endpoint = await Endpoint.start();
  onClean(() => void endpoint.close());
  const secretFile = join(bench.directory, 'secret');
  writeFileSync(secretFile, `whsec_${Buffer.alloc(24, 1).toString('base64')}`, { mode: 0o600 });
  const receiver = { name: 'hook', type: 'webhook', url: endpoint.url, secretFile, allowLoopback: true };
  const settings = { ...QUICK, receivers: [receiver] };
  const first = await forkDaemon(bench, onClean, settings);
  const before = await followed(first.client);
  await untilEarlyFired(before);
  await untilSaved(Object.keys(storiesOf([before])));
  const fired = Object.keys(storiesOf([before]));
  const timesTold = (id: string, status: string): number =>
    endpoint.received.filter(({ body }) => body.includes(`"${id}"`) && body.includes(status)).length;
  // An answer of which the daemon does not know when it is killed is asked for again, under the same webhook-id.
  const isDelivered = async (): Promise<boolean> => {
    const { deliveries } = await first.client.listDeliveries({});
    const done = deliveries.filter(({ state }) => state === stuckd.v1.DeliveryState.DELIVERY_STATE_DELIVERED);
    return fired.every((id) => done.some(({ alertId }) => alertId === id));
  };
  await waitFor(isDelivered, { what: 'the deliveries' });
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await waitFor(() => bench.connection.isClosed, { what: 'the sensor to notice' });

  const second = await forkDaemon(bench, onClean, settings);
  await untilAllResolved(second.client, before, follow(second.client, before.token));
  const { alerts } = await second.client.listAlerts({ includeResolved: true });
  const ids = alerts.map(({ id }) => id ?? '');
  await waitFor(() => ids.every((id) => timesTold(id, 'ALERT_STATUS_RESOLVED') > 0), { what: 'every end' });
  for (const id of ids) {
    assert.deepEqual([timesTold(id, 'ALERT_STATUS_FIRING'), timesTold(id, 'ALERT_STATUS_RESOLVED')], [1, 1], id);
  }
});

test('an end that was told and not saved is not told again', async () => {
  const first = await bench.startDaemon(QUICK);
  const before = await followed(first.client);
  await untilEarlyFired(before);
  await untilSaved(Object.keys(storiesOf([before])));
  const saved = readFileSync(savedPath());
  await untilAllResolved(first.client, before);
  await first.app.stop();
  writeFileSync(savedPath(), saved); // as if the daemon had been killed before it wrote the next one
  const second = await bench.startDaemon(QUICK);
  assert.deepEqual((await second.client.listAlerts({})).alerts, []);
  const after = follow(second.client, before.token);
  await waitFor(() => after.tokens.length > 0, { what: 'the resumption' });
  assert.deepEqual(after.words, []);
});

test('a full disk: the daemon says so and goes on, and recovers by itself', { skip: noMount }, async () => {
  const state = join(bench.directory, 'state');
  mkdirSync(state);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0750', 'stuckd-test', state]);
  onClean(() => {
    execFileSync('umount', ['-l', state]);
  });
  const MEMORY_ONLY = /^the history of alerts is kept in memory only, .*: ENOSPC/;
  const daemon = await bench.startDaemon(QUICK);
  const before = await followed(daemon.client);
  const ballast = join(state, 'ballast');
  assert.throws(() => {
    writeFileSync(ballast, Buffer.alloc(4 << 20));
  }, /ENOSPC/);
  await bench.playTo('recovered');
  await bench.untilStatus(daemon, 'the problem', ({ problems }) => problems.some((text) => MEMORY_ONLY.test(text)));
  before.stop();
  const resumed = follow(daemon.client, before.token);
  rmSync(ballast);
  await bench.untilStatus(daemon, 'the recovery', ({ problems }) => !problems.some((text) => MEMORY_ONLY.test(text)));
  assert.deepEqual(
    bench.log.map(({ message }) => message).filter((message) => message.includes('history of alerts')).length,
    2,
    'one line says it, and one that it is over',
  );
  await untilAllResolved(daemon.client, before, resumed);
  const all = await listed(daemon.client);
  await daemon.app.stop();
  const { client } = await bench.startDaemon(QUICK);
  assert.deepEqual(await listed(client), all, 'what was kept in memory was written when there was room');
  const again = follow(client, before.token);
  await waitFor(() => Object.values(storiesOf([before, again])).every((story) => story.endsWith('resolved')), {
    what: 'every end once more',
  });
});
