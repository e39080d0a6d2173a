// Proves, with a clock of its own and endpoints that are functions, when messages are sent: in order per alert, side by
// side otherwise, with growing pauses and a single probe while an endpoint fails, for hours if need be, until they are too
// old. What a real endpoint may answer is in alert-delivery.test.ts.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { DeliveryWorker } from '../../../daemon/sinks/delivery-worker.js';
import type { OutboxEntry } from '../../../daemon/sinks/outbox-records.js';
import type { Outbox } from '../../../daemon/sinks/outbox.js';
import { RETRY_AFTER_MAX_MS, type Verdict } from '../../../daemon/sinks/verdict.js';
import { accept, createEntry, OutboxBench } from './outbox-bench.js';
import { EPOCH_MS, FakeClock } from './sample-alerts.js';

const HOUR_MS = 3_600_000;
const TAKEN: Verdict = { kind: 'delivered', httpStatus: 200 };
const retry = (retryAfterMs = 0): Verdict => ({ kind: 'retry', httpStatus: 503, error: 'HTTP 503', retryAfterMs });

interface Stage {
  readonly outbox: Outbox;
  readonly clock: FakeClock;
  readonly worker: DeliveryWorker;
  /** Ids in the order in which they were sent. */
  readonly sent: string[];
  readonly times: number[];
  readonly turns: (string | null)[];
  readonly dead: OutboxEntry[];
  mostAtATime(): number;
  advance(milliseconds: number): Promise<void>;
}

async function createStage(
  context: TestContext,
  answer: (entry: OutboxEntry) => Verdict | Promise<Verdict>,
  random = 1,
): Promise<Stage> {
  const bench = new OutboxBench();
  const { outbox } = await bench.open();
  const clock = new FakeClock();
  const [sent, times, turns, dead] = [[] as string[], [] as number[], [] as (string | null)[], [] as OutboxEntry[]];
  let atATime = 0;
  let most = 0;
  const worker = new DeliveryWorker({
    outbox,
    clock,
    random: () => random,
    maxAgeMs: 24 * HOUR_MS,
    parallel: (receiver) => (receiver === 'gone' ? null : 4),
    send: async (entry) => {
      sent.push(entry.id);
      times.push(clock.nowMs() - EPOCH_MS);
      atATime += 1;
      most = Math.max(most, atATime);
      const verdict = await answer(entry);
      atATime -= 1;
      return verdict;
    },
    onTurn: (_receiver, _replica, reason) => turns.push(reason),
    onDead: (entry) => dead.push(entry),
  });
  context.after(async () => {
    await worker.stop();
    bench.remove();
  });
  const advance = (milliseconds: number): Promise<void> => clock.advance(milliseconds, () => worker.idle());
  return { outbox, clock, worker, sent, times, turns, dead, mostAtATime: () => most, advance };
}

test('in order per alert, others side by side up to a bound', async (context) => {
  const stage = await createStage(context, () => new Promise((resolve) => setImmediate(() => resolve(TAKEN))));
  for (let alert = 0; alert < 9; alert += 1) {
    for (const event of ['fired', 'updated', 'resolved'] as const) {
      accept(stage.outbox, `${event}${alert}`, event, { alertId: `a${alert}` });
    }
  }
  stage.worker.wake();
  await stage.worker.idle();
  assert.equal(stage.mostAtATime(), 4);
  for (let alert = 0; alert < 9; alert += 1) {
    // The waiting update was replaced by "resolved".
    assert.deepEqual(
      stage.sent.filter((id) => id.endsWith(alert.toString())),
      [`fired${alert}`, `resolved${alert}`],
    );
  }
});

test('pauses double up to five minutes, and one request at a time finds out', async (context) => {
  const stage = await createStage(context, () => retry());
  accept(stage.outbox, 'd1', 'fired');
  stage.worker.wake();
  await stage.worker.idle();
  await stage.advance(30 * 60_000);
  const pauses = stage.times.slice(1).map((time, index) => time - (stage.times[index] ?? 0));
  assert.deepEqual(
    pauses.slice(0, 9),
    [2, 4, 8, 16, 32, 64, 128, 256, 300].map((seconds) => seconds * 1000),
  );
  assert.equal(stage.mostAtATime(), 1);
  assert.deepEqual(stage.turns, ['HTTP 503'], 'it is said once');
  assert.equal(stage.outbox.find('d1')?.attempts, stage.sent.length);
});

test('hours of a dead endpoint: few requests, then everything, in order', async (context) => {
  let dead = true;
  const stage = await createStage(context, () => (dead ? retry() : TAKEN));
  for (let alert = 0; alert < 50; alert += 1) {
    accept(stage.outbox, `f${alert}`, 'fired', { alertId: `a${alert}` });
  }
  stage.worker.wake();
  await stage.advance(2 * HOUR_MS);
  for (let alert = 0; alert < 50; alert += 1) {
    accept(stage.outbox, `r${alert}`, 'resolved', { alertId: `a${alert}` });
  }
  await stage.advance(3 * HOUR_MS);
  assert.ok(stage.sent.length < 100, `${stage.sent.length} requests to a dead endpoint`);
  dead = false;
  const before = stage.sent.length;
  await stage.advance(10 * 60_000);
  const after = stage.sent.slice(before);
  assert.equal(after.length, 100);
  for (let alert = 0; alert < 50; alert += 1) {
    assert.ok(after.indexOf(`f${alert}`) < after.indexOf(`r${alert}`));
  }
  assert.deepEqual(stage.turns, ['HTTP 503', null]);
  assert.equal(stage.dead.length, 0);
});

test('Retry-After is kept to, for all that goes to this endpoint', async (context) => {
  let first = true;
  const stage = await createStage(
    context,
    () => {
      const verdict = first ? retry(120_000) : TAKEN;
      first = false;
      return verdict;
    },
    0,
  );
  accept(stage.outbox, 'd1', 'fired');
  stage.worker.wake();
  await stage.worker.idle();
  accept(stage.outbox, 'd2', 'fired', { alertId: 'a2' });
  stage.worker.wake();
  await stage.advance(119_999);
  assert.deepEqual(stage.sent, ['d1']);
  await stage.advance(1);
  assert.deepEqual(stage.sent.toSorted(), ['d1', 'd1', 'd2']);
});

test('one message that fails again and again does not hold up the others', async (context) => {
  const stage = await createStage(context, ({ id }) => (id === 'poison' ? retry() : TAKEN));
  accept(stage.outbox, 'poison', 'fired');
  stage.worker.wake();
  await stage.worker.idle();
  for (let alert = 0; alert < 20; alert += 1) {
    accept(stage.outbox, `d${alert}`, 'fired', { alertId: `a${alert + 2}` });
  }
  await stage.advance(60_000);
  assert.equal(stage.outbox.counts('hook').delivered, 20);
  assert.equal(stage.outbox.find('poison')?.state, 'pending');
});

test('what is refused for good is a dead letter, and the next goes on', async (context) => {
  const stage = await createStage(context, ({ id }) =>
    id === 'd1' ? { kind: 'final', httpStatus: 400, error: 'HTTP 400 Bad Request' } : TAKEN,
  );
  accept(stage.outbox, 'd1', 'fired');
  accept(stage.outbox, 'd2', 'resolved');
  stage.worker.wake();
  await stage.worker.idle();
  assert.deepEqual(
    stage.dead.map(({ id, state, lastError }) => [id, state, lastError]),
    [['d1', 'dead', 'HTTP 400 Bad Request']],
  );
  assert.equal(stage.outbox.find('d2')?.state, 'delivered');
});

test('what is too old is given up, with the last reason', async (context) => {
  const stage = await createStage(context, () => retry());
  accept(stage.outbox, 'd1', 'fired');
  stage.worker.wake();
  await stage.advance(24 * HOUR_MS + 120_000);
  assert.deepEqual(
    stage.dead.map(({ lastError }) => lastError),
    ['not delivered within 24 h: HTTP 503'],
  );
  const count = stage.sent.length;
  await stage.advance(HOUR_MS);
  assert.equal(stage.sent.length, count);
});

test('a dead endpoint holds up nobody else; one that is not configured is not asked', async (context) => {
  const stage = await createStage(context, ({ receiver }) => (receiver === 'hook' ? retry() : TAKEN));
  accept(stage.outbox, 'd1', 'fired');
  accept(stage.outbox, 'd2', 'fired', { receiver: 'chat' });
  accept(stage.outbox, 'd3', 'fired', { replica: 2 });
  accept(stage.outbox, 'd4', 'fired', { receiver: 'gone' });
  stage.worker.wake();
  await stage.worker.idle();
  assert.deepEqual(stage.sent.toSorted(), ['d1', 'd2', 'd3']);
  assert.equal(stage.outbox.find('d2')?.state, 'delivered');
});

test('a wall clock that is set back by a day does not stop anything', async (context) => {
  let dead = true;
  const stage = await createStage(context, () => (dead ? retry() : TAKEN));
  accept(stage.outbox, 'd1', 'fired');
  stage.worker.wake();
  await stage.worker.idle();
  dead = false;
  stage.clock.set(EPOCH_MS - 24 * HOUR_MS);
  stage.worker.wake();
  await stage.worker.idle();
  assert.equal(stage.outbox.find('d1')?.state, 'delivered');
  assert.ok(RETRY_AFTER_MAX_MS < 24 * HOUR_MS);
});

test('a message whose time is in the entry waits for it after a restart as well', async (context) => {
  const stage = await createStage(context, () => TAKEN);
  const entry = createEntry('d1', { nextAttemptMs: EPOCH_MS + 5000, attempts: 4 });
  stage.outbox.accept({ alertId: 'a1', receivers: ['hook'], alert: entry.alert }, [entry]);
  stage.worker.wake();
  await stage.advance(4999);
  assert.deepEqual(stage.sent, []);
  await stage.advance(1);
  assert.deepEqual(stage.sent, ['d1']);
});

test('what became of a message while it was under way is not undone by its answer', async (context) => {
  const answers: ((verdict: Verdict) => void)[] = [];
  const stage = await createStage(context, () => new Promise((resolve) => answers.push(resolve)));
  accept(stage.outbox, 'removed', 'fired');
  accept(stage.outbox, 'hurried', 'fired', { alertId: 'a2' });
  stage.worker.wake();
  const [removed, hurried] = ['removed', 'hurried'].map((id) => stage.outbox.find(id));
  assert.ok(removed !== undefined && hurried !== undefined);
  const dead: OutboxEntry = { ...removed, state: 'dead', endMs: EPOCH_MS, lastError: 'it has no receiver any more' };
  stage.outbox.update(dead);
  stage.outbox.update({ ...hurried, ageFromMs: EPOCH_MS + 5000 });
  for (const answer of answers) {
    answer(retry());
  }
  await stage.worker.idle();
  assert.deepEqual(stage.outbox.find('removed'), dead);
  const after = stage.outbox.find('hurried');
  assert.deepEqual([after?.attempts, after?.ageFromMs], [1, EPOCH_MS + 5000]);
});
