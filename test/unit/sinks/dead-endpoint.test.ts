// Proves what hours of dead endpoints cost while a thousand alerts fire, change and end: nothing is dropped, memory and disk
// stay bounded, and when the endpoints are back each of them gets all of it, in order per alert. Time is made to pass; that
// the daemon survives kill -9 meanwhile is in outbox-faults.test.ts.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../daemon/sinks/outbox.js';
import { waitFor } from '../../support/wait-for.js';
import { DeliveryBench, receivers, settled } from './delivery-bench.js';
import { alertJson, FakeClock } from './sample-alerts.js';

const MINUTE_MS = 60_000;
const ALERTS = 1000;
const HOOKS = ['one', 'two', 'three'];

/** As large as five connections may make an alert, and of no other one. */
function sample(id: string): object[] {
  return Array.from({ length: 5 }, (_unused, index) => ({ id: `${id}-${index}`, diagnosis: id.padEnd(3400, '.') }));
}

test('four hours of dead endpoints with 1000 alerts', async (context) => {
  const bench = new DeliveryBench(context);
  const down = await bench.endpoint();
  const { port } = down;
  await down.close();
  const clock = new FakeClock();
  const hook = (name: string): object => ({ name, type: 'webhook', url: `http://127.0.0.1:${port}/${name}` });
  const config = receivers(...HOOKS.map(hook), {
    name: 'am',
    type: 'alertmanager',
    urls: [`http://127.0.0.1:${port}`],
  });
  const delivery = await bench.start(config, {
    clock,
    random: () => 1,
    alertJson: (alert, withConnections) => ({
      ...alertJson(alert),
      connections: withConnections ? sample(alert.id) : [],
    }),
  });
  const { timers } = clock;
  const pass = async (minutes: number): Promise<void> => {
    for (let passed = 0; passed < minutes; passed += 1) {
      await clock.advance(MINUTE_MS);
      await waitFor(() => clock.timers === timers, { what: 'the attempts of a minute' });
    }
  };
  const fileBytes = (): number => {
    const folder = join(bench.directory, 'outbox');
    return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  };
  const textBytes = (): number => {
    const texts = new Set([...delivery.deliveries()].map((entry) => (entry as unknown as { alert: string }).alert));
    return [...texts].reduce((sum, text) => sum + text.length, 0);
  };

  let alerts = Array.from({ length: ALERTS }, (_unused, index) => {
    return bench.alerts.fire({ id: `a${index}`, peer: { address: '10.0.0.2', port: index + 1 } });
  });
  await pass(60);
  for (let hour = 1; hour <= 2; hour += 1) {
    alerts = alerts.map((alert) => bench.alerts.update(alert, { stuckCount: 3 + hour }));
    await pass(60);
  }
  for (const alert of alerts) {
    bench.alerts.resolve(alert);
  }
  await pass(60);

  const messages = ALERTS * 2 * (HOOKS.length + 1);
  const waiting = delivery.deliveries().filter(({ state }) => state === 'pending');
  assert.equal(waiting.length, messages);
  const { receivers: reports } = delivery.status();
  assert.deepEqual(
    reports.map(({ dropped, dead }) => [dropped, dead]),
    reports.map(() => [0, 0]),
  );
  assert.ok(textBytes() <= DEFAULT_LIMITS.alertBytes, `${textBytes()} bytes of alerts`);
  assert.ok(fileBytes() <= 3 * DEFAULT_LIMITS.alertBytes, `${fileBytes()} bytes on disk`);

  const up = await bench.endpoint(port);
  await pass(10);
  await settled(delivery);
  for (const name of HOOKS) {
    const told = new Map<string, unknown[]>();
    for (const { path, body, headers } of up.received) {
      if (path === `/${name}`) {
        const { id } = JSON.parse(body) as { id: string };
        told.set(id, [...(told.get(id) ?? []), headers['stuckd-event']]);
      }
    }
    assert.equal(told.size, ALERTS);
    assert.ok([...told.values()].every((events) => events.join() === 'fired,resolved'));
  }
});
