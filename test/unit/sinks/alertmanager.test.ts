// Proves what Alertmanager and Slack are told: labels without a pid, text that plays no tricks; that every replica is told,
// again and again while an alert fires and for a while after; and that "resolved" goes out with the last alert of its
// labels. The replicas are endpoints of the test: what a real Alertmanager makes of it is in
// acceptance/alertmanager.test.ts.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Workload } from '../../../daemon/core/workload.js';
import { decodeAlert, encodeAlert } from '../../../daemon/sinks/alert-message.js';
import { AlertmanagerGroups } from '../../../daemon/sinks/alertmanager-groups.js';
import { alertLabels, postableAlert, type PostableAlert } from '../../../daemon/sinks/alertmanager.js';
import { slackText } from '../../../daemon/sinks/slack.js';
import { DeliveryBench, receivers, settled } from './delivery-bench.js';
import { waitFor } from '../../support/wait-for.js';
import { answerWith, type Endpoint } from './endpoint.js';
import { alertJson, createAlert, EPOCH_MS, FakeClock } from './sample-alerts.js';

const MINUTE_MS = 60_000;

const process = { pid: 12900, startBootUs: 0, comm: 'node', executable: '/usr/bin/node', workload: null };
const POD: Workload = {
  ...{ cgroup: '/x', containerId: 'c', containerRuntime: 'containerd', podUid: 'u', unit: '' },
  ...{ pod: 'web-5d', podNamespace: 'shop', container: 'app', podLabels: new Map<string, string>() },
};

const message = (changes: Parameters<typeof createAlert>[0] = {}): ReturnType<typeof decodeAlert> =>
  decodeAlert(encodeAlert(alertJson(createAlert(changes))));

test('labels name what stays the same when a process is started again', () => {
  assert.deepEqual(alertLabels(message({ process: { ...process, workload: POD } }), 'web-1'), {
    alertname: 'StuckConnections',
    node: 'web-1',
    kind: 'retransmitting',
    severity: 'warning',
    executable: 'node',
    namespace: 'shop',
    pod: 'web-5d',
    container: 'app',
    peer: '10.0.0.2:8000',
  });
  const unit = { ...POD, pod: '', podNamespace: '', container: '', unit: 'shop.service' };
  const inbound = message({ process: { ...process, executable: '', workload: unit }, peer: null, localPort: 443 });
  assert.deepEqual(alertLabels(inbound, 'web-1'), {
    alertname: 'StuckConnections',
    node: 'web-1',
    kind: 'retransmitting',
    severity: 'warning',
    executable: 'node',
    unit: 'shop.service',
    local_port: '443',
  });
  const collapsed = message({ process: null, peer: { address: '2001:db8::2', port: 80 } });
  assert.equal(alertLabels(collapsed, 'web-1')['peer'], '[2001:db8::2]:80');
  const orphans = message({ process: null, peer: null, program: { executable: '/usr/sbin/nginx', workload: POD } });
  assert.deepEqual(alertLabels(orphans, 'web-1'), {
    alertname: 'StuckConnections',
    node: 'web-1',
    kind: 'retransmitting',
    severity: 'warning',
    executable: 'nginx',
    namespace: 'shop',
    pod: 'web-5d',
    container: 'app',
  });
  assert.match(slackText(orphans, 'fired', 'web-1'), /^node web-1, pod shop\/web-5d, container app$/mu);
  const labels = JSON.stringify(alertLabels(message(), 'web-1'));
  assert.doesNotMatch(labels, /12900/);
});

test('times and annotations', () => {
  const firing = postableAlert(message(), EPOCH_MS, 'web-1', 2);
  assert.equal(firing.startsAt, new Date(EPOCH_MS + 16_000).toISOString());
  assert.equal(firing.endsAt, new Date(EPOCH_MS + 4 * MINUTE_MS).toISOString());
  assert.deepEqual(firing.annotations, {
    summary: '3 of 10 connections of node[12900] are stuck (and 2 more such alerts)',
    connections: '3 of 10 stuck',
    processes: '1',
    stuck_since: new Date(EPOCH_MS + 1000).toISOString(),
    alert_id: 'a000000001',
  });
  const resolved = postableAlert(message({ status: 'resolved', endUs: 60_000_000 }), EPOCH_MS + MINUTE_MS, 'web-1');
  assert.equal(resolved.endsAt, new Date(EPOCH_MS + MINUTE_MS).toISOString());
});

test('text of others is escaped, in labels and for Slack', () => {
  const tricky = message({ process: { ...process, comm: 'a\n<!channel>&\u202e', executable: '/bin/x\u009b31m' } });
  assert.equal(alertLabels(tricky, 'web-1')['executable'], 'x\\x9b31m');
  const text = slackText(tricky, 'fired', 'web-1');
  assert.match(text, /a\\n&lt;!channel&gt;&amp;\\u\{202e\}\[12900\]/);
  assert.equal(text.split('\n').length, 4);
});

test('Slack: the URL comes from a file, and the message is short and plain', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const urlFile = join(bench.directory, 'url');
  writeFileSync(urlFile, `${endpoint.url}/services/hush\n`, { mode: 0o600 });
  const delivery = await bench.start(receivers({ name: 'chat', type: 'slack', urlFile }));
  bench.alerts.resolve(bench.alerts.fire({ process: { ...process, workload: POD } }));
  await settled(delivery);
  assert.deepEqual(
    endpoint.received.map(({ path }) => path),
    ['/services/hush', '/services/hush'],
  );
  const [fired, resolved] = endpoint.received.map(({ body }) => JSON.parse(body) as { text: string; mrkdwn: boolean });
  assert.equal(
    fired?.text,
    'Firing (warning): retransmitting\n3 of 10 connections of node[12900] are stuck\nnode web-1, pod shop/web-5d, container app, peer 10.0.0.2:8000\nalert a000000001',
  );
  assert.equal(fired.mrkdwn, false);
  assert.match(resolved?.text ?? '', /^Resolved \(warning\)/);
  endpoint.answer = answerWith(404);
  bench.alerts.fire({ id: 'a2' });
  await settled(delivery);
  assert.doesNotMatch(JSON.stringify([bench.log, delivery.deliveries(), delivery.status()]), /hush/);
});

const posted = (endpoint: Endpoint): PostableAlert[] =>
  endpoint.received.flatMap(({ body }) => JSON.parse(body) as PostableAlert[]);

test('two replicas: both are told, the one that is down later', async (context) => {
  const bench = new DeliveryBench(context);
  const [one, two] = [await bench.endpoint(), await bench.endpoint()];
  two.answer = answerWith(503);
  const delivery = await bench.start(
    receivers({ name: 'am', type: 'alertmanager', urls: [one.url, `${two.url}/prefix/`] }),
  );
  bench.alerts.fire();
  await one.waitFor(1);
  await two.waitFor(3);
  assert.equal(one.received.length, 1);
  two.answer = answerWith(200);
  await settled(delivery);
  assert.deepEqual([one.received[0]?.path, two.received[0]?.path], ['/api/v2/alerts', '/prefix/api/v2/alerts']);
  assert.deepEqual(posted(one)[0]?.labels, posted(two).at(-1)?.labels);
  assert.deepEqual(
    delivery.deliveries().map(({ replica, state }) => [replica, state]),
    [
      [1, 'delivered'],
      [2, 'delivered'],
    ],
  );
});

test('"resolved" goes out with the last alert of its labels, also over a restart', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const config = receivers({ name: 'am', type: 'alertmanager', urls: [endpoint.url] });
  const before = await bench.start(config);
  const first = bench.alerts.fire({ id: 'a1' });
  const second = bench.alerts.fire({ id: 'a2', process: { ...process, pid: 4711 } });
  const other = bench.alerts.fire({ id: 'a3', peer: { address: '10.0.0.3', port: 8000 } });
  bench.alerts.resolve(first);
  await settled(before);
  await before.stop(0);
  const after = await bench.start(config);
  bench.alerts.resolve(other);
  await settled(after);
  bench.alerts.resolve(second);
  await settled(after);
  const ends = after.deliveries().filter(({ event }) => event === 'resolved');
  assert.deepEqual(
    ends.map(({ alertId }) => alertId),
    ['a3', 'a2'],
  );
});

test('what fires is repeated every minute, what ended for five; a change of labels ends the old ones', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const clock = new FakeClock();
  const delivery = await bench.start(receivers({ name: 'am', type: 'alertmanager', urls: [endpoint.url] }), { clock });
  const alert = bench.alerts.fire();
  await settled(delivery);
  const { timers } = clock;
  /** The answers have been dealt with when all timers are set again. */
  const idle = (): Promise<unknown> => waitFor(() => clock.timers === timers, { what: 'timers' });
  /** Lets a minute pass and gives what was told in it. */
  const minute = async (requests: number): Promise<PostableAlert[]> => {
    const count = endpoint.received.length;
    const before = posted(endpoint).length;
    await clock.advance(MINUTE_MS);
    await endpoint.waitFor(count + requests);
    await settled(delivery);
    await idle();
    return posted(endpoint).slice(before);
  };
  const [repeated] = await minute(1);
  assert.equal(repeated?.endsAt, new Date(EPOCH_MS + 5 * MINUTE_MS).toISOString());

  // The severity is a label: what had the old one ends, and begins with the new one.
  const graver = bench.alerts.update(alert, { severity: 'critical', stuckCount: 9 });
  const changed = await minute(2);
  assert.deepEqual(
    changed
      .slice(0, 2)
      .map(({ labels }) => labels['severity'])
      .sort(),
    ['critical', 'warning'],
  );
  const again = await minute(1);
  assert.deepEqual(
    again.map(({ labels, endsAt }) => [labels['severity'], Date.parse(endsAt) > clock.nowMs()]),
    [
      ['critical', true],
      ['warning', false],
    ],
  );
  assert.match(again[0]?.annotations['summary'] ?? '', /^9 of 10/);

  bench.alerts.resolve(graver);
  await settled(delivery);
  for (let minutes = 1; minutes <= 5; minutes += 1) {
    const told = await minute(1);
    assert.ok(
      told.some(({ labels, endsAt }) => labels['severity'] === 'critical' && Date.parse(endsAt) <= clock.nowMs()),
    );
  }
  const count = endpoint.received.length;
  for (let minutes = 0; minutes < 4; minutes += 1) {
    await clock.advance(MINUTE_MS);
    await idle();
  }
  assert.ok(endpoint.received.length <= count + 1, 'it goes on after five minutes');
});

test('an alert that comes back is not told as ended beside', () => {
  const groups = new AlertmanagerGroups('web-1');
  const firing = message();
  const version = { updateUs: null, madeMs: EPOCH_MS };
  groups.join(firing, version);
  assert.equal(groups.leave(firing.id), true);
  groups.noteResolved(message({ status: 'resolved', endUs: 17_000_000 }), EPOCH_MS);
  const told = (): unknown[] =>
    groups.keys().map((key) => {
      const postable = groups.message(key, EPOCH_MS);
      return [postable?.annotations['alert_id'], Date.parse(postable?.endsAt ?? '') > EPOCH_MS + 17_000];
    });
  assert.deepEqual(told(), [['a000000001', false]]);
  groups.join(message({ id: 'a2' }), version);
  assert.deepEqual(told(), [['a2', true]]);
});

test('a token is sent, and a test alert is marked', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const secretFile = join(bench.directory, 'token');
  writeFileSync(secretFile, 'hush\n', { mode: 0o400 });
  const delivery = await bench.start(receivers({ name: 'am', type: 'alertmanager', urls: [endpoint.url], secretFile }));
  await delivery.test('am');
  assert.equal(endpoint.received[0]?.headers['authorization'], 'Bearer hush');
  const [told] = posted(endpoint);
  assert.deepEqual(
    [told?.labels['alertname'], told?.labels['test'], told?.labels['severity']],
    ['StuckdTest', 'true', 'info'],
  );
});
