// Proves stuckctl as a process against a real gRPC server: output in all formats, exit codes, restarts of the daemon, and
// readers that go away. The exact tables and lines are in unit/cli/format.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  createRecord,
  createRecords,
  createStatus,
  createStatusSource,
  FakeRecords,
} from '../unit/rpc/sample-records.js';
import { waitFor } from '../support/wait-for.js';
import { Moment } from '../unit/core/give-up-sockets.js';
import { RpcBench, startStuckctl } from './rpc-harness.js';
import type { StuckctlProcess } from './rpc-harness.js';

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

/** Starts stuckctl for the daemon of this test. */
function start(...args: string[]): StuckctlProcess {
  const stuckctl = startStuckctl(args, { STUCKD_ADDRESS: bench.address });
  bench.onClean(() => {
    stuckctl.child.kill('SIGKILL');
  });
  return stuckctl;
}

async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return start(...args).ended;
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('stuckctl list', () => {
  test('of nothing', async () => {
    await bench.serve();
    assert.deepEqual(await run('list'), { code: 0, stdout: 'No stuck connections.\n', stderr: '' });
    assert.deepEqual(JSON.parse((await run('list', '-o', 'json')).stdout), { stuckConnections: [] });
    assert.deepEqual(await run('list', '-o', 'jsonl'), { code: 0, stdout: '', stderr: '' });
  });

  test('table, json and jsonl; all pages', async () => {
    await bench.serve({ records: new FakeRecords(createRecords(1200)) });
    const table = await run('list');
    assert.equal(table.stdout.split('\n').length, 1202);
    assert.match(table.stdout, /^ID +KIND +PROCESS +LOCAL +PEER/);
    const json = JSON.parse((await run('list', '-o', 'json')).stdout) as { stuckConnections: { id: string }[] };
    assert.equal(json.stuckConnections.length, 1200);
    assert.equal(json.stuckConnections[1199]?.id, 'c000001200');
    const lines = jsonLines((await run('list', '-o', 'jsonl', '--limit', '1100')).stdout);
    assert.equal(lines.length, 1100);
    assert.deepEqual(
      lines.slice(0, 2).map(({ kind, unackedBytes }) => [kind, unackedBytes]),
      [
        ['STUCK_KIND_RETRANSMITTING', '412'],
        ['STUCK_KIND_RETRANSMITTING', '412'],
      ],
    );
  });

  test('filters and ended records', async () => {
    const records = new FakeRecords(createRecords(2));
    records.change('ended', createRecord({ id: 'c000000002', outcome: 'recovered', endUs: 1 }));
    await bench.serve({ records });
    const ids = async (...args: string[]): Promise<unknown> =>
      jsonLines((await run('list', '-o', 'jsonl', ...args)).stdout).map(({ id }) => id);
    assert.deepEqual(await ids('--kind', 'closing'), []);
    assert.deepEqual(await ids('--pid', '12900', '--ended'), ['c000000001', 'c000000002']);
    assert.match((await run('list', '--ended')).stdout, /OUTCOME\n.*\n.*recovered\n$/);
  });
});

describe('stuckctl get and status', () => {
  test('get', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]) });
    const page = await run('get', 'c000000001');
    assert.equal(page.code, 0);
    assert.match(page.stdout, /Facts:[^]*retransmitting[^]*Timeline:/);
    const json = JSON.parse((await run('get', 'c000000001', '-o', 'json')).stdout) as { stuckConnection: object };
    assert.deepEqual(Object.keys(json), ['stuckConnection']);
    assert.deepEqual(jsonLines((await run('get', 'c000000001', '-o', 'jsonl')).stdout), [json.stuckConnection]);
  });

  test('get with a ladder and a question', async () => {
    const records = new FakeRecords([createRecord()]);
    const moment = new Moment(250, 9);
    const socket = moment.socket(0.204, { retransmits: 1, backoff: 1, retransStamp: moment.stampMs(0.1) });
    records.observations.set('c000000001', { socket, closedUs: null, kernel: moment.kernel, clock: moment.clock });
    await bench.serve({ records });
    const ask = ['--what-if', 'tcp_retries2=8', '--what-if', 'keepalive=20s/10s/3'];
    const page = await run('get', 'c000000001', ...ask);
    assert.equal(page.code, 0, page.stderr);
    assert.match(page.stdout, /What if:\n {2}With tcp_retries2=8, keepalive=20s\/10s\/3 from the start the\n? *kernel/);
    assert.match(
      page.stdout,
      /\nRetransmissions [^]*retransmission 1, no answer[^]*the kernel gives up with ETIMEDOUT/,
    );
    const json = JSON.parse((await run('get', 'c000000001', '-o', 'json', ...ask)).stdout) as object;
    assert.deepEqual(Object.keys(json), ['stuckConnection', 'ladder', 'whatIf']);
    assert.deepEqual(jsonLines((await run('get', 'c000000001', '-o', 'jsonl', ...ask)).stdout), [json]);
    assert.ok('id' in (jsonLines((await run('get', 'c000000001', '-o', 'jsonl')).stdout)[0] ?? {}));
  });

  test('a question that cannot be answered is a failure, one that cannot be asked wrong usage', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]) });
    const unanswered = await run('get', 'c000000001', '--what-if', 'tcp_retries2=8');
    assert.equal(unanswered.code, 1);
    assert.match(unanswered.stderr, /^stuckctl: what_if cannot be answered for c000000001: /);
    const wrong = await run('get', 'c000000001', '--what-if', 'tcp_retries2=300');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /tcp_retries2 cannot be 300: .* from 0 to 255; possible are /);
  });

  test('an id that does not exist is a failure', async () => {
    await bench.serve();
    const { code, stdout, stderr } = await run('get', 'c\x1b9');
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^stuckctl: no stuck connection has the id "c\\\\u001b9"/);
  });

  test('status', async () => {
    const report = createStatus({ healthy: false, problems: ['no \x1b[2J sensor'] });
    await bench.serve({ status: createStatusSource(report) });
    const page = await run('status');
    assert.equal(page.code, 0);
    assert.match(page.stdout, /^stuckd does not see everything:\n {2}- no \\x1b\[2J sensor\n/);
    const json = JSON.parse((await run('status', '-o', 'json')).stdout) as { tracker: { opened: string } };
    assert.equal(json.tracker.opened, '12');
    assert.deepEqual(jsonLines((await run('status', '-o', 'jsonl')).stdout), [json]);
  });
});

describe('stuckctl watch', () => {
  test('json: one change a line, Ctrl-C ends it well', async () => {
    const records = new FakeRecords([createRecord({ id: 'c1' })]);
    await bench.serve({ records });
    const watch = start('watch', '-o', 'json');
    await waitFor(() => watch.stdout().includes('snapshotEnd'), { what: 'the snapshot' });
    records.change('opened', createRecord({ id: 'c2' }));
    records.change('ended', createRecord({ id: 'c2', outcome: 'timed_out' }));
    await waitFor(() => watch.stdout().includes('"ended"'), { what: 'the end of c2' });
    watch.child.kill('SIGINT');
    const { code, stdout, stderr } = await watch.ended;
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const changes = jsonLines(stdout);
    assert.deepEqual(
      changes.map((change) => Object.keys(change)[1]),
      ['snapshotItem', 'snapshotEnd', 'opened', 'ended'],
    );
    assert.deepEqual(changes[1], { time: '2026-11-21T20:15:00Z', snapshotEnd: { count: 1 } });
    assert.equal((changes[3]?.['ended'] as { outcome: string }).outcome, 'OUTCOME_TIMED_OUT');
  });

  test('table: a line when something happens, none for a retransmission', async () => {
    const records = new FakeRecords();
    await bench.serve({ records });
    const watch = start('watch', '--kind', 'retransmitting');
    await waitFor(() => watch.stderr().includes('0 stuck connections now'), { what: 'the snapshot' });
    records.change('opened', createRecord({ ownerType: 'pending', owner: null }));
    records.change('updated', createRecord());
    records.change('updated', createRecord({ retransmits: 8 }));
    records.change('ended', createRecord({ outcome: 'recovered', endUs: records.timeUs }));
    await waitFor(() => watch.stdout().includes('recovered'), { what: 'the end' });
    watch.child.kill('SIGINT');
    const { code, stdout } = await watch.ended;
    assert.equal(code, 0);
    assert.match(stdout, /^20:15:00 {2}STUCK .* node\[12900\] .*\n20:15:00 {2}END .* recovered after 1m 20s\n$/);
  });

  test('goes on after the daemon was started again', async () => {
    const records = new FakeRecords([createRecord({ id: 'c1' })]);
    const first = await bench.serve({ records });
    const watch = start('watch');
    await waitFor(() => watch.stderr().includes('1 stuck connection now'), { what: 'the first snapshot' });
    await first.drain(1000);
    await waitFor(() => watch.stderr().includes('trying again'), { what: 'the loss to be told' });
    records.change('opened', createRecord({ id: 'c2', kind: 'closing' }));
    await bench.serve({ records });
    await waitFor(() => watch.stderr().includes('2 stuck connections now'), { what: 'the second snapshot' });
    watch.child.kill('SIGTERM');
    const { code, stdout, stderr } = await watch.ended;
    assert.equal(code, 0);
    assert.match(
      stderr,
      /connection lost \(stuckd is stopping\); trying again until Ctrl-C\nconnected again with a new snapshot: /,
    );
    assert.deepEqual(
      stdout.match(/STUCK +\w+/g)?.map((text) => text.replace(/ +/, ' ')),
      ['STUCK retransmitting', 'STUCK closing'],
    );
  });

  test('ends quietly when its reader goes away', async () => {
    const records = new FakeRecords();
    await bench.serve({ records });
    const watch = start('watch', '-o', 'jsonl');
    await waitFor(() => watch.stdout().includes('snapshotEnd'), { what: 'the snapshot' });
    watch.child.stdout.destroy();
    await once(watch.child.stdout, 'close');
    records.change('opened', createRecord());
    const { code, stderr } = await watch.ended;
    assert.equal(code, 0);
    assert.equal(stderr, '');
  });
});

describe('exit codes and messages', () => {
  test('2: wrong usage, in one sentence on standard error', async () => {
    const { code, stdout, stderr } = await run('list', '--kind', 'slow');
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^stuckctl: --kind "slow": the kinds are /);
    assert.equal((await run()).code, 2);
  });

  for (const command of [['list'], ['get', 'c1'], ['watch'], ['status']]) {
    test(`3: ${command.join(' ')} without a daemon says what to do`, async () => {
      const { code, stdout, stderr } = await run(...command);
      assert.equal(code, 3);
      assert.equal(stdout, '');
      assert.ok(stderr.startsWith(`stuckctl: cannot reach stuckd at ${bench.address}: `), stderr);
      assert.match(stderr, /stuckd run.*--address or STUCKD_ADDRESS/);
    });
  }

  test('3: something listens that does not answer', async () => {
    const path = join(bench.directory.path, 'mute.sock');
    const mute = createServer(() => undefined).listen(path);
    await once(mute, 'listening');
    try {
      const { code, stderr } = await run('status', '--address', `unix:${path}`);
      assert.equal(code, 3);
      assert.match(stderr, /no answer within 5 s/);
    } finally {
      mute.close();
    }
  });

  test(
    '3: without permission it says whose permission it takes',
    { skip: process.getuid?.() === 0 ? false : 'only root can give up the right to the socket' },
    async (context) => {
      await bench.serve();
      const uid = 65534;
      if ((await startStuckctl(['--version'], {}, uid).ended).code !== 0) {
        context.skip('another user cannot read this checkout');
        return;
      }
      const stuckctl = startStuckctl(['status'], { STUCKD_ADDRESS: bench.address }, uid);
      const { code, stderr } = await stuckctl.ended;
      assert.equal(code, 3);
      assert.match(stderr, /no permission .* root, or a user in the group of the socket/);
    },
  );

  test('0: help and version', async () => {
    const help = await run('--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^stuckctl asks stuckd/);
    assert.match((await run('list', '--help')).stdout, /--ended/);
    assert.match((await run('--version')).stdout, /^stuckctl \d+\.\d+\.\d+\n$/);
  });
});
