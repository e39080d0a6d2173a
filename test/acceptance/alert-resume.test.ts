// Proves that a watch of alerts goes on where it was cut off, over a reconnect and a restart, nothing missed and nothing told
// twice, that what cannot be resumed is refused, and that resolved alerts are listed from disk. gRPC, disk and stuckctl are
// real, the alerts come from memory; the whole daemon, also killed, is in alert-replay.test.ts. What resuming has in common
// with connections (10,000 changes, damage, power failures) is shown by resume.test.ts.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import Long from 'long';
import type { Alert } from '../../daemon/core/alert.js';
import { CallError } from '../../daemon/rpc/grpc-client.js';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import { createAlert, FakeAlerts, resolvedAlert } from '../unit/rpc/sample-alerts.js';
import { createRecord, EPOCH_MONO_US, EPOCH_REAL_US, OWNER } from '../unit/rpc/sample-records.js';
import { AlertBench, type AlertFollower, type AlertRun } from './alert-bench.js';
import { startStuckctl } from './rpc-harness.js';

let bench: AlertBench;

beforeEach(() => {
  bench = new AlertBench();
});

afterEach(async () => {
  await bench.clean();
});

const a1 = createAlert({ id: 'a1' });
const a2 = createAlert({ id: 'a2', kind: 'closing' });
const a3 = createAlert({ id: 'a3', peer: { address: '10.0.0.9', port: 80 } });

/** Follows from a snapshot until it is complete. */
async function followed(run: AlertRun, filter = {}): Promise<AlertFollower> {
  const follower = bench.follow(run.client, '', filter);
  await waitFor(() => follower.words.at(-1) === 'end', { what: 'the snapshot' });
  return follower;
}

/** The error with which a watch is refused. */
async function refusal(run: AlertRun, token: string, filter = {}): Promise<CallError> {
  const follower = bench.follow(run.client, token, filter);
  await waitFor(() => follower.error !== null, { what: 'the refusal' });
  assert.ok(follower.error instanceof CallError);
  assert.deepEqual(follower.changes, []);
  return follower.error;
}

describe('resume', () => {
  test('after a reconnect: what happened since, and then what happens', async () => {
    const run = await bench.start(new FakeAlerts([a1]));
    const first = await followed(run);
    run.alerts.change('fired', a2);
    await first.untilHas(3);
    first.stop();
    run.alerts.change('updated', { ...a2, stuckCount: 9 });
    run.alerts.change('resolved', resolvedAlert(a1));
    const second = bench.follow(run.client, first.token);
    await second.untilHas(2);
    run.alerts.change('fired', a3);
    await second.untilHas(3);
    assert.deepEqual(second.words, ['updated a2', 'resolved a1', 'fired a3']);
    assert.equal(second.changes[0]?.updated?.stuckCount, 9);
    assert.equal(second.changes[1]?.resolved?.status, stuckd.v1.AlertStatus.ALERT_STATUS_RESOLVED);
    assert.deepEqual(second.changes[1].resolved.endTime?.seconds?.toNumber(), EPOCH_REAL_US / 1e6);
  });

  test('after restarts: what fires on is no news, what ended meanwhile is', async () => {
    let run = await bench.start(new FakeAlerts([a1]));
    const first = await followed(run);
    run.alerts.change('fired', a2);
    await first.untilHas(3);
    await bench.stop(run);
    run = await bench.start(new FakeAlerts([a1, a2]));
    const second = bench.follow(run.client, first.token);
    await waitFor(() => second.tokens.length > 0, { what: 'the resumption' });
    assert.deepEqual([second.words, second.error], [[], null]);
    run.alerts.change('resolved', resolvedAlert(a2));
    await second.untilHas(1);
    await bench.stop(run);
    run = await bench.start(new FakeAlerts([a1]));
    const third = bench.follow(run.client, first.token);
    await third.untilHas(1);
    run.alerts.change('resolved', resolvedAlert(a1));
    await third.untilHas(2);
    assert.deepEqual([second.words, third.words], [['resolved a2'], ['resolved a2', 'resolved a1']]);
  });

  test('with a filter: what it followed goes on to its end, the rest stays out', async () => {
    const filter = { kinds: [stuckd.v1.StuckKind.STUCK_KIND_RETRANSMITTING], minSeverity: 2 };
    let run = await bench.start();
    const first = await followed(run, filter);
    run.alerts.change('fired', a1);
    run.alerts.change('fired', a2);
    run.alerts.change('fired', { ...a3, severity: 'info' });
    await first.untilHas(2);
    await bench.stop(run);
    run = await bench.start(new FakeAlerts([a1, a2, { ...a3, severity: 'info' }]));
    run.alerts.change('updated', { ...a1, severity: 'info' });
    run.alerts.change('updated', { ...a3, severity: 'critical' });
    run.alerts.change('resolved', resolvedAlert({ ...a1, severity: 'info' }));
    const second = bench.follow(run.client, first.token, filter);
    await second.untilHas(3);
    run.alerts.change('resolved', resolvedAlert({ ...a3, severity: 'critical' }));
    await second.untilHas(4);
    assert.deepEqual(second.words, ['updated a1', 'fired a3', 'resolved a1', 'resolved a3']);
  });

  test('an alert that was told and not saved is resolved, and says why', async () => {
    let run = await bench.start();
    const first = await followed(run);
    run.alerts.change('fired', a1);
    run.alerts.change('fired', a2);
    await first.untilHas(3);
    await bench.stop(run);
    run = await bench.start(new FakeAlerts([a1]));
    const second = bench.follow(run.client, first.token);
    await second.untilHas(1);
    assert.deepEqual(second.words, ['resolved a2']);
    const lost = second.changes[0]?.resolved;
    assert.match(lost?.summary ?? '', /^node\[12900\]: .* \(stuckd ended before it had saved this alert; /u);
    assert.equal(lost?.status, stuckd.v1.AlertStatus.ALERT_STATUS_RESOLVED);
    await bench.untilWritten(run);
    const { alerts } = await run.client.listAlerts({ includeResolved: true });
    assert.deepEqual(
      alerts.map(({ id, status }) => [id, status]),
      [
        ['a1', 1],
        ['a2', 2],
      ],
    );
    const later = await run.client.listAlerts({ includeResolved: true, firingAfter: secondsAgo(-10) });
    assert.deepEqual(
      later.alerts.map(({ id }) => id),
      ['a1'],
      'it ended when the daemon came back',
    );
  });

  test('an alert that was saved, and told without reaching this history, is told', async () => {
    let run = await bench.start();
    const first = await followed(run);
    await bench.stop(run);
    run = await bench.start(new FakeAlerts([a1]));
    const second = bench.follow(run.client, first.token);
    await second.untilHas(1);
    assert.deepEqual(second.words, ['fired a1']);
  });
});

describe('what cannot be resumed', () => {
  test('nonsense, a token of connections, and one of another filter', async () => {
    const run = await bench.start();
    const follower = await followed(run);
    const ofConnections = Buffer.from('[1,"connections","r",1,"f"]').toString('base64url');
    for (const token of ['x', ofConnections]) {
      const { failure, message } = await refusal(run, token);
      assert.equal(failure, 'invalid');
      assert.match(message, /resume_token is not a token of this watch; watch again without one/);
    }
    const { failure, message } = await refusal(run, follower.token, { pids: [1] });
    assert.equal(failure, 'invalid');
    assert.match(message, /another filter; watch again without one/);
  });

  test('changes that are not kept any more', async () => {
    const run = await bench.start(new FakeAlerts(), { journalMaxBytes: 1 << 20 });
    const follower = await followed(run);
    follower.stop();
    while (run.history.journal.floor === 0) {
      for (let index = 0; index < 200; index++) {
        run.alerts.change('updated', a1);
      }
      await bench.untilWritten(run);
    }
    const { failure, message, info } = await refusal(run, follower.token);
    assert.equal(failure, 'expired');
    assert.equal(info?.reason, 'RESUME_TOKEN_EXPIRED');
    assert.match(message, /not kept any more.*watch again without a token/);
  });

  test('a run that this disk knows nothing of', async () => {
    const run = await bench.start();
    const follower = await followed(run);
    await bench.stop(run);
    rmSync(bench.directory, { recursive: true });
    assert.equal((await refusal(await bench.start(), follower.token)).failure, 'expired');
  });
});

/** Fires and is resolved so many seconds before 20:15:00. */
function past({ alerts }: AlertRun, id: string, endedAgo: number, changes: Partial<Alert> = {}): void {
  const alert = createAlert({ id, ...changes });
  alerts.change('fired', alert);
  alerts.change('resolved', resolvedAlert(alert, EPOCH_MONO_US - endedAgo * 1e6));
}

function secondsAgo(seconds: number): { seconds: Long; nanos: number } {
  return { seconds: Long.fromNumber(EPOCH_REAL_US / 1e6 - seconds), nanos: 0 };
}

describe('resolved alerts', () => {
  test('are listed from memory and disk, page by page, each once and in order', async () => {
    let run = await bench.start();
    const ids = Array.from({ length: 60 }, (_, index) => `b${((index * 37) % 60).toString().padStart(3, '0')}`);
    for (const id of ids) {
      past(run, id, 60);
    }
    const before = await run.client.listAlerts({ includeResolved: true });
    await bench.stop(run);
    run = await bench.start();
    past(run, 'b0305', 60);
    run.alerts.change('fired', createAlert({ id: 'b0306' }));
    await bench.untilWritten(run);
    const listed: stuckd.v1.Alert.$Properties[] = [];
    let pageToken = '';
    do {
      const page = await run.client.listAlerts({ includeResolved: true, pageSize: 7, pageToken });
      assert.ok(page.alerts.length <= 7);
      listed.push(...page.alerts);
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== '');
    assert.deepEqual(
      listed.map(({ id }) => id),
      [...ids, 'b0305', 'b0306'].sort(),
    );
    assert.deepEqual(listed.slice(0, 3), before.alerts.slice(0, 3), 'as they were, in full');
    const { alerts: firing } = await run.client.listAlerts({});
    assert.deepEqual(
      firing.map(({ id }) => id),
      ['b0306'],
    );
  });

  test('by time and filter, on disk as in memory', async () => {
    let run = await bench.start();
    past(run, 'a1', 7200);
    past(run, 'a2', 3600, { severity: 'critical' });
    past(run, 'a3', 1800, {
      process: null,
      processCount: 2,
      connections: [createRecord({ owner: { ...OWNER, pid: 7 } })],
    });
    past(run, 'a4', 60, { peer: { address: '10.0.0.9', port: 80 } });
    const ask = async (request: Parameters<AlertRun['client']['listAlerts']>[0]): Promise<string> =>
      (await run.client.listAlerts({ includeResolved: true, ...request })).alerts.map(({ id }) => id).join();
    for (const where of ['memory', 'disk']) {
      assert.equal(await ask({ firingAfter: secondsAgo(5400) }), 'a2,a3,a4', where);
      assert.equal(await ask({ firingAfter: secondsAgo(3600) }), 'a2,a3,a4', where);
      assert.equal(await ask({ firingAfter: secondsAgo(30) }), '', where);
      assert.equal(await ask({ filter: { minSeverity: 3 } }), 'a2', where);
      assert.equal(await ask({ filter: { pids: [7] } }), 'a3', where);
      assert.equal(await ask({ filter: { peers: ['10.0.0.9:80'] } }), 'a4', where);
      assert.equal(await ask({ includeResolved: false }), '', where);
      await bench.stop(run);
      run = await bench.start();
    }
  });

  test('many long ones make several pages: none is larger than clients take', async () => {
    let run = await bench.start();
    const comm = 'x'.repeat(100_000);
    for (let index = 0; index < 60; index++) {
      const process = { pid: 1, startBootUs: 0, comm: 'c', executable: comm, workload: null };
      past(run, `b${index.toString().padStart(3, '0')}`, 60, { process });
    }
    await bench.stop(run);
    run = await bench.start();
    const page = await run.client.listAlerts({ includeResolved: true });
    assert.ok(page.alerts.length > 10 && page.alerts.length < 60, `${page.alerts.length} alerts in a page`);
    const rest = await run.client.listAlerts({ includeResolved: true, pageToken: page.nextPageToken });
    assert.equal(page.alerts.length + rest.alerts.length, 60);
  });
});

describe('stuckctl alerts', () => {
  const env = (): Record<string, string> => ({ STUCKD_ADDRESS: bench.rpc.address });

  test('--since: those that fire, and those that were resolved since', async () => {
    const run = await bench.start();
    past(run, 'a1', 60);
    await bench.stop(run);
    await bench.start(new FakeAlerts([a2]));
    const ids = async (...args: string[]): Promise<string[]> => {
      const { code, stdout } = await startStuckctl(['alerts', '-o', 'jsonl', ...args], env()).ended;
      assert.equal(code, 0);
      return stdout.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: string }).id]));
    };
    assert.deepEqual(await ids(), ['a2']);
    assert.deepEqual(await ids('--all'), ['a1', 'a2']);
    assert.deepEqual(await ids('--since', '2026-11-21T20:13:00Z'), ['a1', 'a2']);
    assert.deepEqual(await ids('--since', '2026-11-21T20:14:30Z'), ['a2']);
  });

  test('--watch: goes on over a restart, says so, and begins anew where it must', async () => {
    let run = await bench.start(new FakeAlerts([a1]));
    const stuckctl = startStuckctl(['alerts', '--watch'], env());
    bench.rpc.onClean(() => {
      stuckctl.child.kill('SIGKILL');
    });
    await waitFor(() => stuckctl.stderr().includes('1 alert firing now'), { what: 'the snapshot' });
    await bench.stop(run);
    run = await bench.start(new FakeAlerts([a1]));
    run.alerts.change('fired', a3);
    await waitFor(() => stuckctl.stderr().includes('connected again'), { what: 'stuckctl to be back' });
    await waitFor(() => stuckctl.stdout().includes('10.0.0.9:80'), { what: 'what it missed' });
    assert.match(
      stuckctl.stderr(),
      /connection lost \(.*\); trying again until Ctrl-C\nconnected again, resumed: nothing was missed\n$/,
    );
    await bench.stop(run);
    rmSync(bench.directory, { recursive: true });
    await bench.start(new FakeAlerts([a3]));
    await waitFor(() => stuckctl.stderr().includes('connected again with a new snapshot'), { what: 'a new snapshot' });
    await waitFor(() => stuckctl.stdout().includes('was not seen'), { what: 'the end that was not seen' });
    stuckctl.child.kill('SIGINT');
    const { code, stdout } = await stuckctl.ended;
    assert.equal(code, 0);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => /(FIRING|RESOLVED) .*(10\.0\.0\.\d:\d+)/u.exec(line)?.slice(1).join(' ')),
      ['FIRING 10.0.0.2:8000', 'FIRING 10.0.0.9:80', 'RESOLVED 10.0.0.2:8000'],
    );
  });
});
