// Proves, against real endpoints on loopback, that alerts arrive: signed, in order, with a stable id, after failures of
// every kind and over restarts; that they go to those who want them; and that dead letters and tests work and no secret is
// told anywhere. The alerts are made by hand: that the daemon makes the right ones is proven elsewhere.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { DeliveryBench, receivers, settled } from './delivery-bench.js';
import { waitFor } from '../../support/wait-for.js';
import { answerWith, type Answer } from './endpoint.js';
import { alertJson, createAlert, EPOCH_MS, FakeAlerts, FakeClock } from './sample-alerts.js';

const events = (requests: readonly { headers: Readonly<Record<string, string>> }[]): unknown[] =>
  requests.map(({ headers }) => headers['stuckd-event']);

test('an alert arrives as the JSON of the contract, signed', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const secretFile = join(bench.directory, 'secret');
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const delivery = await bench.start(
    receivers({ name: 'hook', type: 'webhook', url: `${endpoint.url}/in?x=1`, secretFile }),
  );
  const alert = bench.alerts.fire();
  const resolved = bench.alerts.resolve(alert);
  const [first, second] = await endpoint.waitFor(2);
  assert.deepEqual(new Webhook(secret).verify(first?.body ?? '', { ...first?.headers }), alertJson(alert));
  assert.deepEqual(new Webhook(secret).verify(second?.body ?? '', { ...second?.headers }), alertJson(resolved));
  assert.equal(first?.path, '/in?x=1');
  assert.deepEqual(events(endpoint.received), ['fired', 'resolved']);
  assert.notEqual(first.headers['webhook-id'], second?.headers['webhook-id']);
  await settled(delivery);
  assert.deepEqual(delivery.status().receivers, [
    { name: 'hook', pending: 0, oldestAgeMs: 0, delivered: 2, dead: 0, dropped: 0, failedAttempts: 0, lastError: '' },
  ]);
});

const failures: readonly (readonly [string, Answer])[] = [
  ['500', answerWith(500)],
  ['429 with Retry-After', answerWith(429, { 'retry-after': '0' })],
  ['a redirect', answerWith(302, { location: '/elsewhere' })],
  ['a hang', () => undefined],
  ['a connection that breaks off', (_response, _request, socket) => socket.destroy()],
  ['garbage', (_response, _request, socket) => socket.end('garbage\r\n\r\n')],
];
for (const [name, answer] of failures) {
  test(`after ${name} it is sent again, with the same id and before what follows`, async (context) => {
    const bench = new DeliveryBench(context);
    const endpoint = await bench.endpoint();
    let failing = 2;
    endpoint.answer = (...args) => {
      failing -= 1;
      (failing >= 0 ? answer : answerWith(200))(...args);
    };
    const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url, timeout: '1s' }));
    bench.alerts.resolve(bench.alerts.fire());
    await settled(delivery);
    assert.deepEqual(events(endpoint.received), ['fired', 'fired', 'fired', 'resolved']);
    const [first, second, third] = endpoint.received.map(({ headers }) => headers['webhook-id']);
    assert.ok(first !== undefined && first === second && second === third);
    assert.ok(endpoint.received.every(({ path }) => path === '/'));
    assert.equal(bench.log.length, 2, bench.log.join('\n'));
    assert.match(bench.log[0] ?? '', /^receiver hook does not take alerts: .*; they are kept and sent later$/);
    assert.equal(bench.log[1], 'receiver hook takes alerts again');
  });
}

test('an endpoint that is down, over a restart of the daemon, and comes back', async (context) => {
  const bench = new DeliveryBench(context);
  const down = await bench.endpoint();
  const { port } = down;
  await down.close();
  const config = receivers({ name: 'hook', type: 'webhook', url: `http://127.0.0.1:${port}/` });
  const before = await bench.start(config);
  const [one, two] = [bench.alerts.fire({ id: 'a1' }), bench.alerts.fire({ id: 'a2' })];
  bench.alerts.resolve(one);
  await waitFor(() => before.deliveries().some(({ attempts }) => attempts > 1), { what: 'attempts' });
  assert.match(before.status().receivers[0]?.lastError ?? '', /refused/);
  const waiting = before.deliveries().map(({ id }) => id);
  await before.stop(0);

  // The second one goes on, and is not told twice.
  const after = await bench.start(config);
  assert.deepEqual(
    after.deliveries().map(({ id }) => id),
    waiting,
  );
  const up = await bench.endpoint(port);
  await settled(after);
  assert.deepEqual(up.received.map(({ headers }) => headers['webhook-id']).sort(), waiting.toSorted());
  const ofOne = up.received.filter(({ body }) => body.includes('"id":"a1"'));
  assert.deepEqual(events(ofOne), ['fired', 'resolved']);
  bench.alerts.resolve(two);
  await up.waitFor(4);
  assert.deepEqual(events(up.received.slice(3)), ['resolved']);
});

test('a stop with a request under way is no failure of the endpoint, and costs no attempt', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  endpoint.answer = () => undefined;
  const config = receivers({ name: 'hook', type: 'webhook', url: endpoint.url });
  const before = await bench.start(config);
  bench.alerts.fire();
  await endpoint.waitFor(1);
  await before.stop(0);
  assert.deepEqual(bench.log, []);
  assert.deepEqual(
    before.deliveries().map(({ state, attempts, lastError }) => [state, attempts, lastError]),
    [['pending', 0, '']],
  );
  assert.equal(before.status().receivers[0]?.lastError, '');
  endpoint.answer = answerWith(200);
  const after = await bench.start(config);
  await settled(after);
  assert.equal(endpoint.received[0]?.headers['webhook-id'], endpoint.received[1]?.headers['webhook-id']);
});

test('what was told is not told again after a restart, and what ended meanwhile is resolved', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const config = receivers({ name: 'hook', type: 'webhook', url: endpoint.url });
  const before = await bench.start(config);
  bench.alerts.fire({ id: 'a1' });
  bench.alerts.fire({ id: 'a2' });
  await settled(before);
  await before.stop(0);

  const after = await bench.start(config, { source: new FakeAlerts([createAlert({ id: 'a1', receivers: ['hook'] })]) });
  after.resolveVanished();
  await settled(after);
  assert.deepEqual(events(endpoint.received), ['fired', 'fired', 'resolved']);
  const told = JSON.parse(endpoint.received[2]?.body ?? '') as { id: string; status: string; endTime: string };
  assert.deepEqual([told.id, told.status], ['a2', 'ALERT_STATUS_RESOLVED']);
  assert.ok(Date.parse(told.endTime) > 0);
});

test('who is told: by name, by severity, updates and ends as they wish', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const hook = (name: string, settings = {}): object => ({
    name,
    type: 'webhook',
    url: `${endpoint.url}/${name}`,
    ...settings,
  });
  const delivery = await bench.start(
    receivers(
      hook('all'),
      hook('grave', { minSeverity: 'critical' }),
      hook('chatty', { sendUpdates: true }),
      hook('starts', { sendResolved: false }),
    ),
  );
  const alert = bench.alerts.fire({ id: 'a1' });
  await settled(delivery);
  const grave = bench.alerts.update(alert, { severity: 'critical' });
  await settled(delivery);
  bench.alerts.resolve(grave);
  bench.alerts.fire({ id: 'a2', receivers: ['all', 'unknown'] });
  bench.alerts.fire({ id: 'a3', severity: 'info', receivers: ['grave'] });
  bench.alerts.fire({ id: 'a4', severity: 'critical', receivers: [] });
  await settled(delivery);
  const told = (name: string): unknown[] => events(endpoint.received.filter(({ path }) => path === `/${name}`));
  assert.deepEqual(told('all'), ['fired', 'resolved', 'fired']);
  assert.deepEqual(told('grave'), ['fired', 'resolved']);
  assert.deepEqual(told('chatty'), ['fired', 'updated', 'resolved']);
  assert.deepEqual(told('starts'), ['fired']);
});

test('a silenced alert is told when its silence ends, if it still fires', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const clock = new FakeClock();
  const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url }), { clock });
  bench.alerts.fire({ id: 'a1', silencedUntilMs: EPOCH_MS + 5 * 3_600_000 });
  bench.alerts.resolve(bench.alerts.fire({ id: 'a2', silencedUntilMs: EPOCH_MS + 60_000 }));
  await clock.advance(5 * 3_600_000 - 1);
  assert.deepEqual(delivery.deliveries(), []);
  await clock.advance(1);
  await endpoint.waitFor(1);
  assert.deepEqual(
    delivery.deliveries().map(({ alertId, event }) => [alertId, event]),
    [['a1', 'fired']],
  );
});

test('a dead letter is kept, told, and sent again if somebody asks for it', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  endpoint.answer = answerWith(404, {}, 'hush');
  const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url }));
  bench.alerts.fire();
  await settled(delivery);
  const [dead] = delivery.deliveries();
  assert.deepEqual([dead?.state, dead?.httpStatus, dead?.lastError], ['dead', 404, 'HTTP 404 Not Found']);
  assert.match(bench.log.join('\n'), /was given up: HTTP 404 Not Found; "stuckctl deliveries --retry [0-9a-f]{16}"/);
  assert.doesNotMatch(bench.log.join('\n'), /hush/);
  endpoint.answer = answerWith(200);
  const retried = delivery.retry(dead?.id ?? '');
  assert.ok(typeof retried === 'object' && retried.state === 'pending');
  await settled(delivery);
  assert.equal(endpoint.received[1]?.headers['webhook-id'], dead?.id);
  assert.equal(delivery.retry(dead?.id ?? ''), 'delivered');
  assert.equal(delivery.retry('unknown'), 'unknown');
});

test('a receiver that is removed leaves dead letters; a new one learns what fires', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  endpoint.answer = answerWith(500);
  const old = receivers({ name: 'old', type: 'webhook', url: endpoint.url });
  const delivery = await bench.start(old, { random: () => 1 });
  bench.alerts.fire();
  await endpoint.waitFor(1);
  await waitFor(() => delivery.deliveries()[0]?.attempts === 1, { what: 'the attempt' });
  endpoint.answer = answerWith(200);
  bench.reload(delivery, receivers({ name: 'new', type: 'webhook', url: endpoint.url }));
  await settled(delivery);
  assert.deepEqual(
    delivery.deliveries().map(({ receiver, state }) => [receiver, state]),
    [
      ['old', 'dead'],
      ['new', 'delivered'],
    ],
  );
  assert.equal(delivery.retry(delivery.deliveries()[0]?.id ?? ''), 'no_receiver');
  bench.reload(delivery, old);
  await settled(delivery);
  assert.equal(endpoint.received.length, 2, 'it had been told of this alert');
});

test('a test alert says that it is one, and what was answered', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url }));
  const answers = await delivery.test('hook');
  assert.ok(typeof answers === 'object');
  assert.deepEqual(
    answers.map(({ delivered, httpStatus, error }) => [delivered, httpStatus, error]),
    [[true, 200, '']],
  );
  const told = JSON.parse(endpoint.received[0]?.body ?? '') as { id: string; summary: string };
  assert.match(told.id, /^test-/);
  assert.match(told.summary, /^TEST of receiver hook by stuckd on web-1/);
  assert.equal(endpoint.received[0]?.headers['stuckd-event'], 'test');
  endpoint.answer = answerWith(403);
  const refusals = await delivery.test('hook');
  assert.ok(typeof refusals === 'object');
  assert.deepEqual(
    refusals.map(({ delivered, httpStatus, error }) => [delivered, httpStatus, error]),
    [[false, 403, 'HTTP 403 Forbidden']],
  );
  assert.equal(await delivery.test('other'), 'unknown');
  assert.deepEqual(delivery.deliveries(), [], 'a test waits in no queue');
});

test('a secret that cannot be used delays, is told by the name of its file, and heals', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const secretFile = join(bench.directory, 'secret');
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  writeFileSync(secretFile, secret);
  chmodSync(secretFile, 0o644);
  const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url, secretFile }));
  bench.alerts.fire();
  await waitFor(() => bench.log.length > 0, { what: 'a warning' });
  assert.match(bench.log[0] ?? '', /secret is open to everybody/);
  assert.equal(endpoint.received.length, 0);
  chmodSync(secretFile, 0o600);
  await settled(delivery);
  assert.equal(endpoint.received.length, 1);
  const everything = [
    bench.log,
    delivery.deliveries(),
    delivery.status(),
    readFileSync(join(bench.directory, 'outbox/outbox.log'), 'utf8'),
  ];
  assert.ok(!JSON.stringify(everything).includes(secret.slice(8)), 'the secret is told somewhere');
});

test('a large alert loses connections of its sample, not itself', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const connections = Array.from({ length: 5 }, (_unused, index) => ({ id: `c${index}`, text: 'x'.repeat(6000) }));
  const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url }), {
    alertJson: (alert) => ({ ...alertJson(alert), connections }),
  });
  bench.alerts.fire();
  await settled(delivery);
  const body = endpoint.received[0]?.body ?? '';
  assert.ok(body.length <= 20_000);
  assert.deepEqual((JSON.parse(body) as { connections: unknown[] }).connections, connections.slice(0, 3));
});

test('names of processes cannot play tricks: what a terminal would not draw is escaped in the JSON', async (context) => {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const comm = 'a\u202eb\u009b31m';
  const delivery = await bench.start(receivers({ name: 'hook', type: 'webhook', url: endpoint.url }));
  bench.alerts.fire({ process: { pid: 1, startBootUs: 0, comm, executable: '/x', workload: null } });
  await settled(delivery);
  const body = endpoint.received[0]?.body ?? '';
  assert.doesNotMatch(body, /[\u202e\u009b]/);
  assert.equal((JSON.parse(body) as { process: { comm: string } }).process.comm, comm);
});
