// Proves of what Alertmanager is told again and again: it costs little and holds up nobody, however many alerts fire; "firing"
// never arrives after "resolved" of the same labels; a batch that is refused does not keep the others back; and a receiver
// that is configured anew is not told what the old one knew. That it is told at all is in alertmanager.test.ts.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Alert } from '../../../daemon/core/alert.js';
import type { PostableAlert } from '../../../daemon/sinks/alertmanager.js';
import type { AlertDelivery } from '../../../daemon/sinks/alert-delivery.js';
import { waitFor } from '../../support/wait-for.js';
import { DeliveryBench, receivers, settled } from './delivery-bench.js';
import { answerWith, type Endpoint, type Received } from './endpoint.js';
import { alertJson, EPOCH_MS, FakeClock } from './sample-alerts.js';

const MINUTE_MS = 60_000;

interface Stage {
  readonly bench: DeliveryBench;
  readonly endpoint: Endpoint;
  readonly clock: FakeClock;
  readonly delivery: AlertDelivery;
  readonly alerts: Alert[];
  /** Encodings of alerts, and the most of them in one turn of the event loop. */
  readonly encoded: { count: number; inTurn: number; mostInTurn: number; withConnections: number };
}

/** Alerts that fire and were told, each with labels of its own, told to two receivers. */
async function createStage(context: TestContext, count: number): Promise<Stage> {
  const bench = new DeliveryBench(context);
  const endpoint = await bench.endpoint();
  const clock = new FakeClock();
  const encoded = { count: 0, inTurn: 0, mostInTurn: 0, withConnections: 0 };
  const configs = receivers(
    { name: 'am', type: 'alertmanager', urls: [`${endpoint.url}/one`] },
    { name: 'other', type: 'alertmanager', urls: [`${endpoint.url}/two`] },
  );
  const delivery = await bench.start(configs, {
    clock,
    alertJson: (alert, withConnections) => {
      encoded.count += 1;
      encoded.withConnections += withConnections ? 1 : 0;
      encoded.inTurn += 1;
      encoded.mostInTurn = Math.max(encoded.mostInTurn, encoded.inTurn);
      setImmediate(() => {
        encoded.inTurn = 0;
      });
      return alertJson(alert);
    },
  });
  const alerts = Array.from({ length: count }, (_unused, index) => {
    return bench.alerts.fire({ id: `a${index}`, peer: { address: '10.0.0.2', port: index + 1 } });
  });
  await settled(delivery);
  Object.assign(encoded, { count: 0, inTurn: 0, mostInTurn: 0, withConnections: 0 });
  endpoint.received.length = 0;
  return { bench, endpoint, clock, delivery, alerts, encoded };
}

const isOne = ({ path }: Received): boolean => path.startsWith('/one');

function posted(requests: readonly Received[]): readonly PostableAlert[] {
  return requests.flatMap(({ body }) => JSON.parse(body) as PostableAlert[]);
}

const portOf = ({ labels }: PostableAlert): number => Number(labels['peer']?.split(':')[1]);

test('what has not changed is not encoded again; what has, once for all receivers and in small portions', async (context) => {
  const { bench, endpoint, clock, alerts, encoded } = await createStage(context, 150);
  const { timers } = clock;
  const round = async (): Promise<readonly PostableAlert[]> => {
    endpoint.received.length = 0;
    await clock.advance(MINUTE_MS);
    // Three batches to each of two receivers, and the timer of the next round.
    await endpoint.waitFor(6);
    await waitFor(() => clock.timers === timers, { what: 'the end of the round' });
    return posted(endpoint.received.filter(isOne));
  };
  assert.equal((await round()).length, 150);
  assert.equal(encoded.count, 0);

  for (const alert of alerts.slice(0, 130)) {
    bench.alerts.update(alert, { stuckCount: 9 });
  }
  const told = await round();
  assert.equal(told.filter(({ annotations }) => annotations['connections'] === '9 of 10 stuck').length, 130);
  assert.deepEqual([encoded.count, encoded.withConnections], [130, 0]);
  assert.ok(encoded.mostInTurn <= 20, `${encoded.mostInTurn} alerts in one turn`);

  // Days change, and with them the words for a time.
  clock.set(clock.nowMs() + 24 * 60 * MINUTE_MS);
  await round();
  assert.equal(encoded.count, 130 + 150);
});

test('an alert that ends while others are repeated is not told as firing afterwards', async (context) => {
  const { bench, endpoint, clock, delivery, alerts } = await createStage(context, 70);
  const isEnd = ({ endsAt }: PostableAlert): boolean => Date.parse(endsAt) <= EPOCH_MS + MINUTE_MS;
  const ofOne = (): readonly Received[] => endpoint.received.filter(isOne);
  let release: () => void = () => undefined;
  endpoint.answer = (response, request, socket) => {
    if (isOne(request) && ofOne().length === 1) {
      release = () => {
        answerWith(200)(response, request, socket);
      };
    } else {
      answerWith(200)(response, request, socket);
    }
  };
  await clock.advance(MINUTE_MS);
  await waitFor(() => ofOne().length === 1, { what: 'the first batch' });
  assert.equal(posted(ofOne()).length, 64);

  // One of the batch that is under way, and one of the next.
  const [first, last] = [alerts[0], alerts.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  bench.alerts.resolve(last);
  await waitFor(() => posted(ofOne()).some((told) => portOf(told) === 70 && isEnd(told)), {
    what: 'the end of the last',
  });
  bench.alerts.resolve(first);
  const waiting = (): number =>
    delivery.deliveries().filter(({ receiver, state }) => receiver === 'am' && state === 'pending').length;
  const elsewhere = (): readonly Received[] => endpoint.received.filter((request) => !isOne(request));
  await waitFor(() => posted(elsewhere()).some((told) => portOf(told) === 1 && isEnd(told)), { what: 'the other one' });
  assert.equal(waiting(), 1, 'it waits until the batch with it has been answered');
  release();
  await settled(delivery);
  await waitFor(() => posted(ofOne()).filter((told) => portOf(told) === 69).length === 1, { what: 'the second batch' });
  for (const port of [1, 70]) {
    const ends = posted(ofOne())
      .filter((told) => portOf(told) === port)
      .map(isEnd);
    assert.deepEqual(
      ends,
      ends.toSorted((a, b) => Number(a) - Number(b)),
      `port ${port}: firing after the end`,
    );
    assert.equal(ends.at(-1), true);
  }
});

test('a batch that is refused for good does not keep the next one back', async (context) => {
  const { endpoint, clock } = await createStage(context, 70);
  endpoint.answer = answerWith(400);
  await clock.advance(MINUTE_MS);
  await waitFor(() => endpoint.received.filter(isOne).length === 2, { what: 'both batches' });
});

test('an endpoint that takes nothing is asked once in a round', async (context) => {
  const { endpoint, clock } = await createStage(context, 70);
  const { timers } = clock;
  endpoint.answer = answerWith(503);
  await clock.advance(MINUTE_MS);
  await endpoint.waitFor(2);
  await waitFor(() => clock.timers === timers, { what: 'the end of the round' });
  assert.equal(endpoint.received.filter(isOne).length, 1);
});

test('what the receiver of an old configuration knew is told no more', async (context) => {
  const { bench, endpoint, clock, delivery, alerts } = await createStage(context, 70);
  const { timers } = clock;
  const requests: (() => void)[] = [];
  endpoint.answer = (...args) => {
    requests.push(() => {
      answerWith(200)(...args);
    });
  };
  await clock.advance(MINUTE_MS);
  await endpoint.waitFor(2);
  endpoint.answer = answerWith(200);
  bench.reload(delivery, receivers({ name: 'am', type: 'alertmanager', urls: [`${endpoint.url}/one`] }));
  const last = alerts.at(-1);
  assert.ok(last !== undefined);
  bench.alerts.resolveAt(last, 30_000_000);
  await settled(delivery);
  for (const answer of requests) {
    answer();
  }
  await waitFor(() => clock.timers === timers, { what: 'the end of the round' });
  const told = posted(endpoint.received.slice(2));
  assert.deepEqual(
    told.map(({ endsAt }) => Date.parse(endsAt) <= clock.nowMs()),
    [true],
  );
});
