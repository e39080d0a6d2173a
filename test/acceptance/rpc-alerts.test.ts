// Proves AlertService and stuckctl alerts over a real socket: pages, filters, resolved alerts, watches that begin with a
// snapshot and lose nothing silently, and output in all formats. Which alerts there are is shown by the scenarios.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import Long from 'long';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import type { AlertWatchChange, StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { ALERT_SERVICE } from '../../daemon/rpc/services.js';
import { waitFor } from '../support/wait-for.js';
import { createAlert, FakeAlerts, resolvedAlert } from '../unit/rpc/sample-alerts.js';
import { createRecords, createWorkloads, EPOCH_MONO_US, EPOCH_REAL_US, WORKLOAD } from '../unit/rpc/sample-records.js';
import { rejection, RpcBench, startStuckctl, type StuckctlProcess } from './rpc-harness.js';

let bench: RpcBench;

beforeEach(() => {
  bench = new RpcBench();
});

afterEach(() => {
  bench.clean();
});

function alertsTo(count: number): ReturnType<typeof createAlert>[] {
  return Array.from({ length: count }, (_, index) =>
    createAlert({ id: `a${(index + 1).toString().padStart(4, '0')}`, peer: { address: '10.0.0.2', port: index + 1 } }),
  );
}

/** 20:15:00 less so many seconds. */
function ago(seconds: number): number {
  return EPOCH_MONO_US - seconds * 1_000_000;
}

describe('ListAlerts', () => {
  test('pages, in the order of ids, with the same filter only', async () => {
    await bench.serve({ alerts: new FakeAlerts(alertsTo(250)) });
    const client = bench.connect();
    const ids: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listAlerts({ pageToken });
      assert.ok(page.alerts.length <= 100);
      ids.push(...page.alerts.map(({ id }) => id ?? ''));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    assert.deepEqual(
      ids,
      alertsTo(250).map(({ id }) => id),
    );
    const { nextPageToken } = await client.listAlerts({});
    const error = await rejection(client.listAlerts({ pageToken: nextPageToken, filter: { pids: [1] } }));
    assert.equal(error.failure, 'invalid');
    assert.equal((await client.listAlerts({ pageSize: 100_000 })).alerts.length, 250);
  });

  test('a page fits into the 4 MiB that clients take, however much is known of each alert', async () => {
    const podLabels = new Map(Array.from({ length: 20 }, (_, index) => [`label-${index}`, 'value'.repeat(12)]));
    const connections = createRecords(5);
    const alerts = alertsTo(600).map((alert) => ({ ...alert, connections }));
    await bench.serve({ alerts: new FakeAlerts(alerts), workloads: createWorkloads({ ...WORKLOAD, podLabels }) });
    const client = bench.connectRaw();
    const { path, requestSerialize, responseDeserialize } = ALERT_SERVICE.listAlerts;
    const list = async (pageToken: string): Promise<stuckd.v1.ListAlertsResponse> =>
      new Promise((resolve, reject) => {
        const request = { pageSize: 500, pageToken };
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
          if (response === undefined) {
            reject(error ?? new Error('no response'));
          } else {
            resolve(response);
          }
        });
      });
    const pages: stuckd.v1.Alert.$Properties[][] = [];
    let pageToken = '';
    do {
      const page = await list(pageToken);
      pages.push(page.alerts);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    assert.ok(pages.length > 2, `${pages.length} pages`);
    assert.deepEqual(
      pages.flat().map(({ id }) => id),
      alerts.map(({ id }) => id),
    );
  });

  test('resolved ones are asked for, and by time', async () => {
    const alerts = new FakeAlerts([createAlert({ id: 'a3' })]);
    alerts.change('resolved', resolvedAlert(createAlert({ id: 'a1' }), ago(3600)));
    alerts.change('resolved', resolvedAlert(createAlert({ id: 'a2' }), ago(60)));
    await bench.serve({ alerts });
    const client = bench.connect();
    const list = async (request: Parameters<StuckdClient['listAlerts']>[0]): Promise<string[]> =>
      (await client.listAlerts(request)).alerts.map(({ id }) => id ?? '');
    assert.deepEqual(await list({}), ['a3']);
    assert.deepEqual(await list({ includeResolved: true }), ['a1', 'a2', 'a3']);
    const seconds = EPOCH_REAL_US / 1_000_000 - 600;
    const firingAfter = { seconds: Long.fromNumber(seconds), nanos: 0 };
    assert.deepEqual(await list({ includeResolved: true, firingAfter }), ['a2', 'a3']);
  });

  test('a filter that is nonsense is refused', async () => {
    await bench.serve();
    assert.equal((await rejection(bench.connect().listAlerts({ filter: { peers: ['x'] } }))).failure, 'invalid');
  });
});

describe('WatchAlerts', () => {
  function follow(filter: Parameters<StuckdClient['watchAlerts']>[0] = {}): string[] {
    const controller = new AbortController();
    bench.onClean(() => {
      controller.abort();
    });
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      for await (const change of bench.connect().watchAlerts(filter, controller.signal)) {
        seen.push(words(change));
      }
    };
    run().catch((error: unknown) => seen.push(String(error)));
    return seen;
  }

  function words(change: AlertWatchChange): string {
    const { snapshotItem, snapshotEnd, fired, updated, resolved, lost } = change;
    const parts = { snapshotItem, fired, updated, resolved };
    const [kind, alert] = Object.entries(parts).find(([, value]) => value) ?? [];
    return snapshotEnd ? 'end' : lost ? `lost ${String(lost.count)}` : `${kind ?? '?'} ${alert?.id ?? ''}`;
  }

  test('snapshot, its end, then what happens', async () => {
    const [first = createAlert(), second = createAlert()] = alertsTo(2);
    const alerts = new FakeAlerts([first]);
    await bench.serve({ alerts });
    const seen = follow();
    await waitFor(() => seen.includes('end'), { what: 'the snapshot' });
    alerts.change('fired', second);
    alerts.change('updated', { ...second, stuckCount: 4 });
    alerts.change('resolved', resolvedAlert(second));
    await waitFor(() => seen.length === 5, { what: 'all changes' });
    assert.deepEqual(seen, ['snapshotItem a0001', 'end', 'fired a0002', 'updated a0002', 'resolved a0002']);
  });

  test('an alert that becomes grave enough fires for who asked for grave ones', async () => {
    const [first = createAlert()] = alertsTo(1);
    const alerts = new FakeAlerts([first]);
    await bench.serve({ alerts });
    const seen = follow({ minSeverity: 3 });
    await waitFor(() => seen.includes('end'), { what: 'the snapshot' });
    alerts.change('updated', { ...first, severity: 'critical' });
    alerts.change('updated', first);
    alerts.change('resolved', resolvedAlert(first));
    await waitFor(() => seen.length === 4, { what: 'all changes' });
    assert.deepEqual(seen, ['end', 'fired a0001', 'updated a0001', 'resolved a0001']);
  });

  test('heartbeats while nothing happens, and both streams share the places', async () => {
    const server = await bench.serve({ watchLimits: { heartbeatMs: 20 } });
    const method = ALERT_SERVICE.watchAlerts;
    const raw = bench.connectRaw();
    const stream = raw.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {});
    stream.on('error', () => undefined);
    let empty = 0;
    stream.on('data', ({ changes }: { changes: readonly unknown[] }) => {
      empty += changes.length === 0 ? 1 : 0;
    });
    await waitFor(() => empty >= 2, { what: 'two heartbeats' });
    bench.follow(bench.connect());
    await waitFor(() => server.subscribers() === 2, { what: 'two subscribers' });
  });

  test('what a slow subscriber loses is told, and a snapshot follows', async () => {
    const alerts = new FakeAlerts();
    await bench.serve({ alerts, watchLimits: { queueMax: 10 } });
    const seen = follow();
    await waitFor(() => seen.includes('end'), { what: 'the snapshot' });
    for (const alert of alertsTo(30)) {
      alerts.change('fired', alert);
    }
    await waitFor(() => seen.filter((word) => word === 'end').length === 2, { what: 'a second snapshot' });
    assert.ok(seen.includes('lost 30'), seen.join());
    assert.equal(seen.filter((word) => word.startsWith('snapshotItem')).length, 30);
  });
});

describe('stuckctl alerts', () => {
  function start(...args: string[]): StuckctlProcess {
    const stuckctl = startStuckctl(['alerts', ...args], { STUCKD_ADDRESS: bench.address });
    bench.onClean(() => {
      stuckctl.child.kill('SIGKILL');
    });
    return stuckctl;
  }

  test('of none', async () => {
    await bench.serve();
    assert.deepEqual(await start().ended, { code: 0, stdout: 'No alerts.\n', stderr: '' });
    assert.deepEqual(JSON.parse((await start('-o', 'json').ended).stdout), { alerts: [] });
    assert.deepEqual(await start('-o', 'jsonl').ended, { code: 0, stdout: '', stderr: '' });
  });

  test('table, json, jsonl; resolved ones with --all', async () => {
    const alerts = new FakeAlerts(alertsTo(3));
    alerts.change('resolved', resolvedAlert(createAlert({ id: 'a0000' })));
    await bench.serve({ alerts });
    assert.match((await start().ended).stdout, /^ID +SEVERITY +KIND +WHO +CONNECTIONS +STUCK(?:.*\n){4}$/u);
    assert.equal((await start('--all').ended).stdout.split('\n').length, 6);
    const { alerts: listed } = JSON.parse((await start('-o', 'json').ended).stdout) as { alerts: { id: string }[] };
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['a0001', 'a0002', 'a0003'],
    );
    const lines = (await start('-o', 'jsonl', '--peer', '10.0.0.2:2').ended).stdout.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { id: string }).id),
      ['a0002'],
    );
    assert.equal((await start('--severity', 'critical').ended).stdout, 'No alerts.\n');
  });

  test('--watch: one change a line, until Ctrl-C', async () => {
    const [first = createAlert(), second = createAlert()] = alertsTo(2);
    const alerts = new FakeAlerts([first]);
    await bench.serve({ alerts });
    const stuckctl = start('--watch');
    await waitFor(() => stuckctl.stderr().includes('1 alert firing now'), { what: 'the snapshot' });
    alerts.change('fired', second);
    alerts.change('resolved', resolvedAlert(first));
    await waitFor(() => stuckctl.stdout().split('\n').length === 4, { what: 'three lines' });
    stuckctl.child.kill('SIGINT');
    const { code, stdout } = await stuckctl.ended;
    assert.equal(code, 0);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => /(FIRING|RESOLVED) .*10\.0\.0\.2:\d/u.exec(line)?.[0].replace(/ .* /u, ' ')),
      ['FIRING 10.0.0.2:1', 'FIRING 10.0.0.2:2', 'RESOLVED 10.0.0.2:1'],
    );
  });

  test('a daemon that is not there is said as ever', async () => {
    assert.equal((await start().ended).code, 3);
    assert.equal((await start('--watch').ended).code, 3);
  });
});
