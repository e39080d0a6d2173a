// Proves that a real Alertmanager (Debian's package) takes our alerts, knows several of ours with the same labels as one,
// notifies of them in groups, and of their end only when the last one has ended; and that a test alert arrives there. It
// runs where "node deploy/setup/setup.mjs alertmanager" has unpacked one, or where one is installed. It cannot prove how
// a cluster of them behaves: that both of two replicas are told is in unit/sinks/alertmanager.test.ts.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { DeliveryBench, receivers, settled } from '../unit/sinks/delivery-bench.js';
import type { Endpoint } from '../unit/sinks/endpoint.js';
import { EPOCH_MS } from '../unit/sinks/sample-alerts.js';

const UNPACKED = join(packageRoot(), 'build/tools/alertmanager');
const INSTALLED = '/usr/bin/prometheus-alertmanager';

/**
 * Debian's program wants its templates below /usr/share. The unpacked one gets its own there, in a mount namespace, so that
 * the machine sees nothing of it.
 */
const IN_NAMESPACE = [
  ...['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--'],
  ...[
    'sh',
    '-c',
    'mount --bind "$1/usr/share" /usr/share && program="$1/usr/bin/prometheus-alertmanager" && shift && exec "$program" "$@"',
    'sh',
  ],
];

const isUnpacked = existsSync(join(UNPACKED, 'usr/bin/prometheus-alertmanager'));
const command = isUnpacked ? [...IN_NAMESPACE, UNPACKED] : [INSTALLED];
const skip =
  isUnpacked || existsSync(INSTALLED) ? false : 'there is no Alertmanager: "npm run test:alertmanager" fetches one';

/** What Alertmanager's own webhook sends, version 4. */
interface Notification {
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts one that tells `endpoint` of its groups. @returns its URL */
async function startAlertmanager(context: TestContext, endpoint: Endpoint): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-alertmanager-'));
  const config = {
    route: {
      receiver: 'test',
      group_by: ['kind', 'peer'],
      group_wait: '1s',
      group_interval: '1s',
      repeat_interval: '1h',
    },
    receivers: [{ name: 'test', webhook_configs: [{ url: `${endpoint.url}/notify`, send_resolved: true }] }],
  };
  const configPath = join(directory, 'alertmanager.yml');
  writeFileSync(configPath, JSON.stringify(config));
  const port = await freePort();
  const [file = '', ...args] = command;
  const child: ChildProcess = spawn(
    file,
    [
      ...args,
      ...[`--config.file=${configPath}`, `--storage.path=${join(directory, 'data')}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  context.after(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(async () => (await fetch(`${url}/-/ready`)).ok, { what: 'Alertmanager' });
  return url;
}

async function known(url: string): Promise<Notification['alerts']> {
  return (await (await fetch(`${url}/api/v2/alerts`)).json()) as Notification['alerts'];
}

test('a real Alertmanager receives, groups and resolves', { skip }, async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const url = await startAlertmanager(context, endpoint);
  const delivery = await bench.start(receivers({ name: 'am', type: 'alertmanager', urls: [url] }));
  const notified = (): Notification[] => endpoint.received.map(({ body }) => JSON.parse(body) as Notification);
  // Times of the made up alerts are those of now.
  const nowUs = (Date.now() - EPOCH_MS) * 1000;
  const times = { startUs: nowUs - 16_000_000, fireUs: nowUs, updateUs: nowUs };
  const processOf = (pid: number, executable: string): object => ({
    process: { pid, startBootUs: 0, comm: 'x', executable, workload: null },
  });

  const first = bench.alerts.fire({ id: 'a1', ...times, ...processOf(1, '/usr/bin/node') });
  const second = bench.alerts.fire({ id: 'a2', ...times, ...processOf(2, '/usr/bin/node') });
  const other = bench.alerts.fire({ id: 'a3', ...times, ...processOf(3, '/usr/bin/java') });
  await settled(delivery);
  assert.deepEqual(
    delivery.deliveries().map(({ state }) => state),
    ['delivered', 'delivered', 'delivered'],
  );
  const alerts = await known(url);
  assert.deepEqual(
    alerts.map(({ labels }) => labels['executable']).sort(),
    ['java', 'node'],
    'two of them are one there',
  );
  assert.match(alerts[0]?.annotations['summary'] ?? '', /are stuck$/);

  await waitFor(() => notified().some((told) => told.alerts.length === 2), { what: 'one notification of both' });
  assert.deepEqual(notified().at(-1)?.groupLabels, { kind: 'retransmitting', peer: '10.0.0.2:8000' });

  // One of two with the same labels ends, and another: the group goes on.
  const resolve = (alert: typeof first): void => {
    bench.alerts.resolveAt(alert, (Date.now() - EPOCH_MS) * 1000);
  };
  resolve(first);
  resolve(other);
  await waitFor(
    () =>
      notified()
        .at(-1)
        ?.alerts.some(({ status }) => status === 'resolved'),
    { what: 'the end of one' },
  );
  const states = new Map(
    notified()
      .at(-1)
      ?.alerts.map(({ labels, status }) => [labels['executable'], status]),
  );
  assert.deepEqual([states.get('node'), states.get('java')], ['firing', 'resolved']);
  assert.equal(notified().at(-1)?.status, 'firing');

  resolve(second);
  await waitFor(() => notified().at(-1)?.status === 'resolved', { what: 'the end of the group' });
  assert.deepEqual((await known(url)).length, 0);

  const answers = await delivery.test('am');
  assert.ok(typeof answers === 'object');
  assert.deepEqual(
    answers.map(({ delivered: taken }) => taken),
    [true],
  );
  assert.deepEqual(
    (await known(url)).map(({ labels }) => [labels['alertname'], labels['test']]),
    [['StuckdTest', 'true']],
  );
});
