// Proves that a real Alertmanager (Debian's package) takes our alerts, knows several of ours with the same labels as one,
// notifies of them in groups, and of their end only when the last one has ended; and that a test alert arrives there. It
// runs where "node deploy/setup/setup.mjs alertmanager" has unpacked one, or where one is installed. It cannot prove how
// a cluster of them behaves: that both of two replicas are told is in unit/sinks/alertmanager.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertmanagerSkipReason, type Notification, startAlertmanager } from '../support/alertmanager.js';
import { waitFor } from '../support/wait-for.js';
import { DeliveryBench, receivers, settled } from '../unit/sinks/delivery-bench.js';
import type { Endpoint } from '../unit/sinks/endpoint.js';
import { EPOCH_MS } from '../unit/sinks/sample-alerts.js';

/** One that tells `endpoint` of its groups. */
function configOf(endpoint: Endpoint): object {
  return {
    route: {
      receiver: 'test',
      group_by: ['kind', 'peer'],
      group_wait: '1s',
      group_interval: '1s',
      repeat_interval: '1h',
    },
    receivers: [{ name: 'test', webhook_configs: [{ url: `${endpoint.url}/notify`, send_resolved: true }] }],
  };
}

async function known(url: string): Promise<Notification['alerts']> {
  return (await (await fetch(`${url}/api/v2/alerts`)).json()) as Notification['alerts'];
}

test('a real Alertmanager receives, groups and resolves', { skip: alertmanagerSkipReason() }, async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const url = await startAlertmanager(context, configOf(endpoint));
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
