// Proves ListProcesses and ListPeers through a real gRPC server, and stuckctl as a process on top of them: pages, filters,
// totals, the output in all formats. What groups hold is proved in unit/core, that totals are right in kernel/.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { StuckRecord } from '../../daemon/core/record.js';
import { NO_PEER_TOTALS, type PeerTotals } from '../../daemon/core/sweep-totals.js';
import type { CallError } from '../../daemon/rpc/grpc-client.js';
import { toProtoJson } from '../../daemon/rpc/proto-json.js';
import { createRecord, EPOCH_MONO_US, FakeRecords, OWNER } from '../unit/rpc/sample-records.js';
import { RpcBench, startStuckctl } from './rpc-harness.js';

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const stuckctl = startStuckctl(args, { STUCKD_ADDRESS: bench.address });
  bench.onClean(() => {
    stuckctl.child.kill('SIGKILL');
  });
  return stuckctl.ended;
}

/** One record for each of so many peers, and for each of as many processes. */
function spread(count: number): StuckRecord[] {
  return Array.from({ length: count }, (_, index) =>
    createRecord({
      id: `c${String(index).padStart(9, '0')}`,
      remote: { address: '10.0.0.2', port: 1000 + index },
      owner: { ...OWNER, pid: 1000 + index },
    }),
  );
}

const TOTALS: PeerTotals = {
  ...NO_PEER_TOTALS,
  ofProcess: () => 12,
  ofDestination: () => 10,
  ofPeer: () => 10,
  newConnections: () => ({
    succeeded: 2,
    failed: 1,
    lastSuccessUs: EPOCH_MONO_US - 4e6,
    lastFailureUs: EPOCH_MONO_US - 60e6,
  }),
};

function isInvalid(naming: RegExp): (error: unknown) => boolean {
  return (error) => (error as CallError).failure === 'invalid' && naming.test((error as CallError).message);
}

describe('lists of groups', () => {
  test('all pages, no group twice, none left out', async () => {
    await bench.serve({ records: new FakeRecords([...spread(250), ...spread(1).map((one) => ({ ...one, id: 'z' }))]) });
    const client = bench.connect();
    const ports: (number | null | undefined)[] = [];
    const sizes: number[] = [];
    let pageToken = '';
    do {
      const page = await client.listPeers({ pageToken });
      sizes.push(page.peers.length);
      ports.push(...page.peers.map(({ peer }) => peer?.port));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    assert.deepEqual(sizes, [100, 100, 50]);
    assert.equal(new Set(ports).size, 250);
    assert.equal(ports[0], 1000, 'the one with most stuck connections stands first');
  });

  test('a group that goes between two pages takes no other with it', async () => {
    const records = new FakeRecords(spread(4));
    await bench.serve({ records });
    const client = bench.connect();
    const first = await client.listProcesses({ pageSize: 2 });
    records.change('ended', createRecord({ id: 'c000000001' }));
    const second = await client.listProcesses({ pageSize: 2, pageToken: first.nextPageToken });
    const pids = [...first.processes, ...second.processes].map(({ process }) => process?.pid);
    assert.deepEqual(pids, [1000, 1001, 1002, 1003]);
    assert.equal(second.nextPageToken, '');
  });

  test('a page has at most 500', async () => {
    await bench.serve({ records: new FakeRecords(spread(501)) });
    assert.equal((await bench.connect().listProcesses({ pageSize: 1_000_000 })).processes.length, 500);
  });

  test('a token holds for its own list and filter only', async () => {
    await bench.serve({ records: new FakeRecords(spread(3)) });
    const client = bench.connect();
    const { nextPageToken: pageToken } = await client.listPeers({ pageSize: 1 });
    const filter = { peers: ['10.0.0.2'] };
    await assert.rejects(
      client.listProcesses({ pageToken }),
      isInvalid(/page_token belongs to a list with another filter/),
    );
    await assert.rejects(
      client.listPeers({ pageToken, filter }),
      isInvalid(/page_token belongs to a list with another/),
    );
    await assert.rejects(client.listPeers({ filter: { peers: ['x'] } }), isInvalid(/filter\.peers/));
  });

  test('the filter chooses what counts as stuck; totals stay', async () => {
    const records = [createRecord(), createRecord({ id: 'c2', kind: 'closing', sinceUs: 1 })];
    await bench.serve({ records: new FakeRecords(records), totals: TOTALS });
    const { processes } = await bench.connect().listProcesses({ filter: { kinds: [1] } });
    const [json] = processes.map((process) => toProtoJson(process) as Record<string, unknown>);
    assert.deepEqual(
      [json?.['stuckCount'], json?.['totalCount'], json?.['byKind'], json?.['destinations']],
      [
        1,
        12,
        [{ kind: 'STUCK_KIND_RETRANSMITTING', count: 1 }],
        [{ peer: { address: '10.0.0.2', port: 8000 }, stuckCount: 1, totalCount: 10 }],
      ],
    );
  });
});

describe('stuckctl processes and peers', () => {
  test('of nothing', async () => {
    await bench.serve();
    assert.deepEqual(await run('processes'), { code: 0, stdout: 'No stuck connections.\n', stderr: '' });
    assert.deepEqual(await run('peers'), { code: 0, stdout: 'No stuck connections to any peer.\n', stderr: '' });
    assert.deepEqual(JSON.parse((await run('processes', '-o', 'json')).stdout), { processes: [] });
    assert.deepEqual(JSON.parse((await run('peers', '-o', 'json')).stdout), { peers: [] });
    assert.deepEqual(await run('peers', '-o', 'jsonl'), { code: 0, stdout: '', stderr: '' });
  });

  test('a peer as JSON is the whole contract', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]), totals: TOTALS });
    const { stdout } = await run('peers', '-o', 'jsonl');
    assert.deepEqual(JSON.parse(stdout), {
      peer: { address: '10.0.0.2', port: 8000 },
      stuckCount: 1,
      totalCount: 10,
      processCount: 1,
      byKind: [{ kind: 'STUCK_KIND_RETRANSMITTING', count: 1 }],
      newConnections: {
        succeeded: '2',
        failed: '1',
        lastSuccess: '2026-11-21T20:14:56Z',
        lastFailure: '2026-11-21T20:14:00Z',
      },
      verdict: 'PEER_VERDICT_POISONED_POOL',
      summary:
        '1 of 10 connections to it is stuck, but new ones work (the last one 4 s ago): the old one is lost. ' +
        'Drop it: let the pool close it, or restart the process.',
      oldestSince: '2026-11-21T20:13:40Z',
      earliestGiveUp: '2026-11-21T20:29:03Z',
      unackedBytes: '412',
    });
  });

  test('a process as JSON; one that is gone is absent', async () => {
    const orphan = createRecord({
      id: 'o',
      ownerType: 'orphan',
      owner: null,
      giveUp: { never: true },
      unackedBytes: 0,
    });
    await bench.serve({ records: new FakeRecords([createRecord({ id: 'a' }), createRecord({ id: 'b' }), orphan]) });
    const { processes } = JSON.parse((await run('processes', '-o', 'json')).stdout) as { processes: unknown[] };
    assert.deepEqual(processes, [
      {
        process: {
          pid: 12900,
          comm: 'node',
          startTime: '2026-11-21T20:14:00Z',
          executable: '/usr/bin/node',
          user: '1000',
        },
        stuckCount: 2,
        byKind: [{ kind: 'STUCK_KIND_RETRANSMITTING', count: 2 }],
        destinations: [{ peer: { address: '10.0.0.2', port: 8000 }, stuckCount: 2 }],
        oldestSince: '2026-11-21T20:13:40Z',
        earliestGiveUp: '2026-11-21T20:29:03Z',
        unackedBytes: '824',
      },
      {
        stuckCount: 1,
        byKind: [{ kind: 'STUCK_KIND_RETRANSMITTING', count: 1 }],
        destinations: [{ peer: { address: '10.0.0.2', port: 8000 }, stuckCount: 1 }],
        oldestSince: '2026-11-21T20:13:40Z',
      },
    ]);
  });

  test('more than a page, and a limit', async () => {
    await bench.serve({ records: new FakeRecords(spread(501)) });
    assert.equal((await run('processes')).stdout.split('\n').length, 503);
    assert.equal((await run('peers', '-o', 'jsonl', '--limit', '3')).stdout.split('\n').length, 4);
  });
});
