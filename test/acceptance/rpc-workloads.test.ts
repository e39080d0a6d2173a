// Proves filters by pod, container and unit over a real unix socket, in list and watch, also where the name becomes known
// late; and that long names make shorter pages, never answers that a client refuses. Workloads come from a table.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { StuckRecord } from '../../daemon/core/record.js';
import type { Workload } from '../../daemon/core/workload.js';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { CONNECTION_SERVICE } from '../../daemon/rpc/services.js';
import { createRecords, createWorkloads, FakeRecords, WORKLOAD } from '../unit/rpc/sample-records.js';
import { waitFor } from '../support/wait-for.js';
import { rejection, RpcBench } from './rpc-harness.js';

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

/** The first record is in a pod, the second in a container without one, the third in a service. */
function byId(record: StuckRecord): Workload | null {
  const bare: Workload = { ...WORKLOAD, pod: '', podNamespace: '', podUid: '', containerId: '', unit: '' };
  const table: Readonly<Record<string, Workload>> = {
    c000000001: WORKLOAD,
    c000000002: { ...bare, containerId: 'ab'.repeat(32) },
    c000000003: { ...bare, unit: 'nginx.service' },
  };
  return table[record.id] ?? null;
}

describe('filters', () => {
  const table: readonly [stuckd.v1.ConnectionFilter.$Properties, readonly string[]][] = [
    [{ pods: ['shop/web-7d9c'] }, ['c000000001']],
    [{ pods: ['web-7d9c', 'other'] }, ['c000000001']],
    [{ containers: ['abababababab'] }, ['c000000002']],
    [{ units: ['nginx.service'] }, ['c000000003']],
    [{ units: ['nginx.service'], pods: ['web-7d9c'] }, []],
    [{}, ['c000000001', 'c000000002', 'c000000003', 'c000000004']],
  ];
  for (const [filter, ids] of table) {
    test(`list ${JSON.stringify(filter)}`, async () => {
      await bench.serve({ records: new FakeRecords(createRecords(4)), workloads: { workloadOf: byId } });
      const { stuckConnections } = await bench.connect().listStuckConnections({ filter });
      assert.deepEqual(
        stuckConnections.map(({ id }) => id),
        ids,
      );
    });
  }

  test('watch: a record begins to match when its pod becomes known', async () => {
    const records = new FakeRecords(createRecords(1));
    const [record] = records.open();
    assert.ok(record !== undefined);
    let workload: Workload | null = null;
    await bench.serve({ records, workloads: { workloadOf: () => workload } });
    const controller = new AbortController();
    bench.onClean(() => controller.abort());
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      const changes = bench.connect().watch({ pods: ['shop/web-7d9c'] }, controller.signal);
      for await (const change of changes) {
        seen.push(new stuckd.v1.Change(change).change ?? '');
        assert.equal((change.opened ?? change.updated)?.workload?.pod ?? 'web-7d9c', 'web-7d9c');
      }
    };
    void run();
    await waitFor(() => seen.length === 1, { what: 'the end of the snapshot' });
    records.change('updated', record);
    workload = WORKLOAD;
    records.change('updated', record);
    records.change('updated', record);
    await waitFor(() => seen.length === 3, { what: 'the record' });
    assert.deepEqual(seen, ['snapshotEnd', 'opened', 'updated']);
  });

  test('what no container can be called is refused', async () => {
    await bench.serve();
    const error = await rejection(bench.connect().listStuckConnections({ filter: { containers: ['abc'] } }));
    assert.match(error.message, /filter\.containers: "abc"/);
  });
});

test('long names make shorter pages, which any client takes, and no record is left out', async () => {
  const labels = Array.from({ length: 64 }, (_, index) => [`label-${index}`, 'x'.repeat(56)] as const);
  const long: Workload = { ...WORKLOAD, cgroup: `/${'y'.repeat(1023)}`, podLabels: new Map(labels) };
  await bench.serve({ records: new FakeRecords(createRecords(1000)), workloads: createWorkloads(long) });
  const client = bench.connectRaw(); // with the limit of 4 MiB that clients have by default
  const method = CONNECTION_SERVICE.listStuckConnections;
  const list = async (pageToken: string): Promise<stuckd.v1.ListStuckConnectionsResponse> =>
    new Promise((resolve, reject) => {
      const request = { pageSize: 1000, pageToken };
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        (error, answer) => {
          if (answer === undefined) {
            reject(error ?? new Error(status[status.UNKNOWN]));
          } else {
            resolve(answer);
          }
        },
      );
    });
  const ids: string[] = [];
  const sizes: number[] = [];
  let pageToken = '';
  do {
    const page = await list(pageToken);
    ids.push(...page.stuckConnections.map(({ id }) => id ?? ''));
    sizes.push(page.stuckConnections.length);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.deepEqual(
    ids,
    createRecords(1000).map(({ id }) => id),
  );
  assert.ok(sizes.length > 1 && Math.min(...sizes) > 0, sizes.join(', '));
});
