// Proves the daemon as a whole, in one process, between a recorded sensor stream and a real gRPC client: handshake, decoding,
// tracker, diagnosis, store, status and watches; and what becomes of them when the stream ends, breaks or lies. The stream
// is real, but of one kernel and one day: whether other kernels say the same is for the kernel tests. It cannot tell how
// fast anything is: time is that of the recording and jumps from record to record.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import type { StatusResponse } from '../../daemon/rpc/grpc-client.js';
import { timestampToMs } from '../../daemon/rpc/proto-time.js';
import { DurableLog } from '../../daemon/store/durable-log.js';
import {
  COMMAND_KIND,
  HELLO_RECORD,
  PASS_COMMAND,
  PASS_KIND,
  RECORD_HEADER,
} from '../../daemon/wire/layout.generated.js';
import type { StuckJson } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';
import { goldenBytes } from '../unit/wire/golden.js';
import { getOne, listAll, ReplayBench, type RunningDaemon, type Watcher } from './replay-bench.js';
import { loadRecording } from './replay-recording.js';
import { configured } from './replay-sensor.js';

const { LadderStepKind, SensorState } = stuckd.v1;

const recording = loadRecording();

let bench: ReplayBench;

beforeEach(() => {
  bench = new ReplayBench(recording);
});

afterEach(async () => {
  await bench.close();
});

function ownedBy(comm: string): (record: StuckJson) => boolean {
  return ({ owner, lastOwner }) => owner?.comm === comm || lastOwner?.comm === comm;
}

/** Waits until the watcher has heard of a connection of this program what `matches` wants. */
async function hears(watcher: Watcher, comm: string, matches: (record: StuckJson) => boolean): Promise<StuckJson> {
  try {
    return await waitFor(() => watcher.newest((record) => ownedBy(comm)(record) && matches(record)), { what: comm });
  } catch (error) {
    const found = JSON.stringify(watcher.newest(ownedBy(comm)), null, 2);
    throw new Error(`the last that was said about ${comm}: ${found}`, { cause: error });
  }
}

function byProgram(records: readonly StuckJson[]): Readonly<Record<string, StuckJson>> {
  return Object.fromEntries(records.map((record) => [record.owner?.comm ?? record.lastOwner?.comm ?? '', record]));
}

/** Milliseconds since 1970; record times have microseconds, of which Date drops three digits. */
function ms(time: string | undefined): number {
  return Date.parse(time ?? '');
}

const ENDINGS: Readonly<Record<string, string>> = {
  billing: 'OUTCOME_RECOVERED',
  gateway: 'OUTCOME_TIMED_OUT',
  orders: 'OUTCOME_TIMED_OUT',
  reports: 'OUTCOME_TIMED_OUT',
  search: 'OUTCOME_TIMED_OUT',
};

/** How the incident ends, whatever happened to the sensor on the way. @param before the open records at that time */
async function endsWell({ client }: RunningDaemon, before: readonly StuckJson[]): Promise<void> {
  assert.deepEqual(await listAll(client, false), [], 'nothing is stuck any more');
  const all = byProgram(await listAll(client, true));
  const endings = Object.fromEntries(Object.entries(all).map(([comm, { outcome }]) => [comm, outcome]));
  for (const { id, owner, lastOwner } of before) {
    const comm = owner?.comm ?? lastOwner?.comm ?? '';
    assert.equal(all[comm]?.id, id, `${comm} kept its id`);
    assert.equal(endings[comm], ENDINGS[comm], comm);
  }
}

test('an incident, as a client sees it', async () => {
  const daemon = await bench.startDaemon();
  const { client } = daemon;
  const watcher = await bench.watch(client);

  await bench.playTo('quiet');
  const status = await bench.untilStatus(daemon, 'healthy', ({ healthy }) => healthy);
  assert.equal(status.sensor?.state, SensorState.SENSOR_STATE_RUNNING);
  assert.deepEqual(status.sensor.capabilities, ['CAP_PERFMON', 'CAP_BPF']);
  assert.ok((status.sweep?.connections ?? 0) >= 8, 'four connections, each with two ends');
  assert.deepEqual(status.problems, []);
  assert.equal(watcher.snapshotCount, 0);

  await bench.playTo('black-holes');
  for (const comm of ['orders', 'billing', 'gateway']) {
    const record = await hears(watcher, comm, ({ kind }) => kind === 'STUCK_KIND_RETRANSMITTING');
    assert.equal(record.state, 'ESTABLISHED');
    assert.equal(record.direction, 'DIRECTION_OUTBOUND');
    assert.equal(record.ownerType, 'OWNER_TYPE_PROCESS');
    assert.ok(record.owner?.executable.endsWith(`/${comm}`), record.owner?.executable);
    assert.deepEqual(
      record.owner?.holders.map((holder) => [holder.pid, holder.comm]),
      [[record.owner?.pid, comm]],
    );
    assert.equal(record.retransmits, 3);
    assert.equal(record.unackedBytes, '1000');
    assert.equal(record.remote.port, 8000);
    assert.equal(record.giveUp?.expectedError, 'ETIMEDOUT');
    assert.match(record.diagnosis?.summary ?? '', new RegExp(comm));
  }
  const ids = (await listAll(client, false))
    .filter(({ kind }) => kind === 'STUCK_KIND_RETRANSMITTING')
    .map(({ id }) => id);
  assert.equal(new Set(ids).size, 3);
  const orders = await hears(watcher, 'orders', () => true);
  assert.deepEqual((await getOne(client, orders.id)).owner, orders.owner);

  await bench.playTo('orphan');
  const orphan = await hears(watcher, 'gateway', ({ ownerType }) => ownerType === 'OWNER_TYPE_ORPHAN');
  assert.equal(orphan.kind, 'STUCK_KIND_CLOSING');
  assert.equal(orphan.owner, undefined);
  assert.ok(ids.includes(orphan.id), 'it is the record of the black hole');

  await bench.playTo('recovered');
  const billing = await hears(watcher, 'billing', ({ outcome }) => outcome !== undefined);
  assert.equal(billing.outcome, 'OUTCOME_RECOVERED');
  const search = await hears(watcher, 'search', ({ kind }) => kind === 'STUCK_KIND_CONNECTING');
  assert.equal(search.state, 'SYN_SENT');
  const reports = await hears(watcher, 'reports', ({ kind }) => kind === 'STUCK_KIND_KEEPALIVE_UNANSWERED');
  assert.ok((reports.probes ?? 0) >= 2);

  // The sensor dies here, and another one takes its place.
  const late = await bench.watch(client);
  assert.equal(late.snapshotCount, 4);
  const before = await listAll(client, false);
  await bench.playTo('end');
  await hears(watcher, 'orders', ({ outcome }) => outcome !== undefined);
  await endsWell(daemon, before);

  const ended = await listAll(client, true);
  assert.deepEqual(
    Object.fromEntries(Object.entries(byProgram(ended)).map(([comm, { outcome }]) => [comm, outcome])),
    ENDINGS,
  );
  for (const { id } of ended) {
    assert.ok(['opened,updated,ended', 'opened,ended'].includes(watcher.story(id).join()), watcher.story(id).join());
  }
  for (const { id } of before) {
    assert.equal(late.story(id)[0], 'snapshotItem');
    assert.equal(late.story(id).at(-1), 'ended');
  }
  // The forecast is from the time at which the record opened; the end is what the kernel then did.
  const last = byProgram(ended);
  for (const comm of ['orders', 'search']) {
    const errorMs = ms(last[comm]?.endTime) - ms(last[comm]?.giveUp?.time);
    assert.ok(Math.abs(errorMs) <= 10, `${comm} ended ${errorMs} ms after the forecast`);
  }
  for (const [comm, { outcome, forecastError, detectedGiveUp, timeline }] of Object.entries(last)) {
    assert.notEqual(detectedGiveUp?.time, undefined, `${comm}: the forecast at detection is kept`);
    const lastStep = timeline?.at(-1)?.text ?? '';
    if (outcome === 'OUTCOME_TIMED_OUT') {
      assert.match(forecastError ?? '', /^-?\d+(\.\d+)?s$/, comm);
      assert.match(lastStep, /^the kernel gave up, .* forecast at detection$/, comm);
    } else {
      assert.equal(forecastError, undefined, comm);
      assert.doesNotMatch(lastStep, /forecast/, comm);
    }
  }
  for (const comm of ['orders', 'search']) {
    assert.ok(Math.abs(Number.parseFloat(last[comm]?.forecastError ?? 'none')) <= 0.01, last[comm]?.forecastError);
  }
  const after = await client.getStatus();
  assert.equal(after.sensor?.restarts, 1);
  assert.equal(after.tracker?.opened?.toNumber(), 5);
});

/** Milliseconds since 1970. */
function stepMs(step: stuckd.v1.LadderStep.$Properties | undefined): number {
  return timestampToMs(step?.time ?? {});
}

test('the ladder of a black hole, and what would be under other settings', async () => {
  const { client } = await bench.startDaemon();
  await bench.playTo('black-holes');
  const [orders] = (await listAll(client, false)).filter(ownedBy('orders'));
  assert.ok(orders !== undefined);
  const { ladder, whatIf } = await client.getStuckConnection(orders.id, { tcpRetries2: 3 });
  const ofKind = (kind: stuckd.v1.LadderStepKind): stuckd.v1.LadderStep.$Properties[] =>
    ladder.filter((step) => step.kind === kind);
  const past = ofKind(LadderStepKind.LADDER_STEP_KIND_PAST);
  assert.deepEqual(
    past.map(({ ordinal }) => ordinal),
    [1, 2, 3],
  );
  assert.ok(Math.abs(stepMs(past[0]) - ms(orders.since)) < 20, 'it begins with the first retransmission');
  const waits = past.slice(1).map((step, index) => stepMs(step) - stepMs(past[index]));
  assert.ok((waits[1] ?? 0) / (waits[0] ?? 1) > 1.8, `the wait doubles: ${waits.join()}`);
  const ends = ofKind(LadderStepKind.LADDER_STEP_KIND_GIVE_UP);
  assert.ok(Math.abs(stepMs(ends[0]) - ms(orders.giveUp?.time)) < 10);
  assert.ok(ofKind(LadderStepKind.LADDER_STEP_KIND_NEXT).length >= 2, 'tcp_retries2 is 5 here');

  const fromStart = timestampToMs(whatIf?.fromStart?.time ?? {}) - ms(orders.since);
  assert.ok(fromStart > 2500 && fromStart < 7000, `3.0 s and the next tick: ${fromStart} ms`);
  const next = ofKind(LadderStepKind.LADDER_STEP_KIND_NEXT)[0];
  assert.ok(timestampToMs(whatIf?.fromNow?.time ?? {}) >= stepMs(next) - 1, 'not before its timer runs');
  assert.equal(whatIf?.fromNow?.reason, stuckd.v1.GiveUpReason.GIVE_UP_REASON_TCP_RETRIES2);

  await bench.playTo('end');
  const ended = await client.getStuckConnection(orders.id, { tcpRetries2: 3 });
  assert.deepEqual(ended.ladder, []);
  const endedFromStart = timestampToMs(ended.whatIf?.fromStart?.time ?? {}) - ms(orders.since);
  assert.ok(Math.abs(endedFromStart - fromStart) < 100, 'the same answer when all is over');
  assert.equal(ended.whatIf?.fromNow ?? null, null);
});

/** Ways in which a sensor can go wrong while connections are stuck. `strike` returns what the status must say then. */
const TROUBLES: readonly { readonly name: string; readonly strike: () => Promise<RegExp> }[] = [
  {
    name: 'it dies',
    strike: async () => {
      await bench.connection.end();
      return /^it closed the connection$/;
    },
  },
  {
    name: 'the stream is cut in the middle of a record',
    strike: async () => {
      await bench.connection.send(bench.lastRecord().subarray(0, 13));
      await bench.connection.end();
      return new RegExp(`; sensor stream, byte ${bench.connection.sent}: the stream ended after 13 bytes of a record`);
    },
  },
  {
    name: 'a byte of the stream is wrong',
    strike: async () => {
      const offset = bench.connection.sent + RECORD_HEADER.kind;
      const record = Uint8Array.from(bench.lastRecord());
      record[RECORD_HEADER.kind] = (record[RECORD_HEADER.kind] ?? 0) ^ 0x40;
      await bench.connection.send(record);
      return new RegExp(`^sensor stream, byte ${offset}: a record of kind \\d+, not 1 to \\d+$`);
    },
  },
  {
    name: 'it says that it cannot go on',
    strike: async () => {
      await bench.connection.send(goldenBytes('failure'));
      await bench.connection.end();
      return /^cannot attach anything$/;
    },
  },
  {
    name: 'it greets again',
    strike: async () => {
      await bench.connection.send(bench.nextHello());
      return /^it sent a record of type hello after it was ready$/;
    },
  },
];

describe('the sensor goes wrong while connections are stuck', () => {
  for (const { name, strike } of TROUBLES) {
    test(`${name}: the status says so, and every record goes on under its id`, async () => {
      const daemon = await bench.startDaemon();
      await bench.playTo('recovered');
      const before = await listAll(daemon.client, false);
      assert.equal(before.length, 4);
      const message = await strike();
      const restarted = ({ sensor }: StatusResponse): boolean => sensor?.restarts === 1;
      const { sensor } = await bench.untilStatus(daemon, 'a sensor that is gone', restarted);
      assert.match(sensor?.lastError ?? '', message);
      const errors = bench.log.filter(({ level }) => level === 'error').map(({ message: text }) => text);
      assert.deepEqual(errors, [`the sensor is gone: ${sensor?.lastError ?? ''}; next try in 100 ms`]);
      const ids = (await listAll(daemon.client, false)).map(({ id }) => id);
      assert.deepEqual(
        ids,
        before.map(({ id }) => id),
        'what was stuck is stuck until somebody knows better',
      );
      await bench.playTo('end');
      await endsWell(daemon, before);
    });
  }

  test('it is of another build: the daemon says which, sends no command, and tries again', async () => {
    const daemon = await bench.startDaemon();
    const hello = Uint8Array.from(bench.nextHello());
    hello[HELLO_RECORD.layoutHash] = (hello[HELLO_RECORD.layoutHash] ?? 0) ^ 1;
    const connection = await bench.sensor.accept();
    await connection.send(hello);
    const status = await bench.untilStatus(daemon, 'another build', ({ sensor }) => sensor?.restarts === 1);
    assert.match(status.sensor?.lastError ?? '', /stuckd-sensor and stuckd are of different builds/);
    assert.equal(status.healthy, false);
    assert.match(status.problems[0] ?? '', /^the sensor is not running .*different builds/);
    assert.deepEqual(connection.commands, []);
    await bench.playTo('quiet');
    await bench.untilStatus(daemon, 'healthy', ({ healthy }) => healthy);
  });
});

test('the daemon is restarted while connections are stuck: open records keep their ids', async () => {
  const first = await bench.startDaemon();
  await bench.playTo('recovered');
  const before = await listAll(first.client, false);
  await first.app.stop();
  const second = await bench.startDaemon();
  await bench.playTo('end');
  await endsWell(second, before);
  const { tracker } = await second.client.getStatus();
  assert.equal(tracker?.opened?.toNumber(), 0, 'nothing was opened anew');
});

test('another configuration is taken over while the daemon runs', async () => {
  const { app } = await bench.startDaemon();
  await bench.playTo('quiet');
  const commandsBefore = bench.connection.commands.length;
  app.reload(
    bench.config({
      kinds: { retransmitting: { open: { retransmits: 5 } }, closing: { open: { after: '1m' } } },
      sensor: { without: ['tcp_send_reset'] },
    }),
  );
  await waitFor(() => bench.connection.commands.length >= commandsBefore + 3, { what: 'three commands' });
  const [configure, ...passes] = bench.connection.commands.slice(commandsBefore);
  assert.ok(configure !== undefined);
  assert.equal(configure.kind, COMMAND_KIND.COMMAND_CONFIGURE);
  assert.equal(configured(configure, 'rtoThreshold'), 5);
  assert.equal(configured(configure, 'synThreshold'), 3);
  assert.deepEqual(
    passes.map(({ kind, view }) => [kind, view.getUint32(PASS_COMMAND.passKind, true)]),
    [
      [COMMAND_KIND.COMMAND_PASS, PASS_KIND.PASS_REFRESH_FULL],
      [COMMAND_KIND.COMMAND_PASS, PASS_KIND.PASS_SWEEP],
    ],
  );
  assert.deepEqual(
    bench.log.slice(-2).map(({ level, message }) => `${level}: ${message}`),
    [
      'info: the configuration was read again; changed: kinds.retransmitting.open.retransmits, kinds.closing.open.after',
      'warn: these keys are read at start only, restart to apply them: sensor.without',
    ],
  );
  await bench.playTo('black-holes');
  assert.deepEqual(
    [...app.engine.open()].map(({ kind }) => kind),
    [],
    'three RTOs are not enough any more',
  );
});

test('a shorter history takes effect at once', async () => {
  const { app, client } = await bench.startDaemon();
  await bench.playTo('end');
  const ended = await listAll(client, true);
  assert.equal(ended.length, 5);
  app.reload(bench.config({ history: { ended: 2 } }));
  const newestTwo = [...ended].sort((a, b) => ms(a.endTime) - ms(b.endTime)).slice(-2);
  const inMemory = app.engine.recentlyEnded();
  assert.deepEqual(inMemory.map(({ id }) => id).sort(), newestTwo.map(({ id }) => id).sort());
  assert.deepEqual(byProgram(await listAll(client, true)), byProgram(ended), 'the others are on disk');
});

test('a smaller history on disk takes effect at once', async () => {
  const directory = join(bench.directory, 'state', 'history', 'connections', 'ended');
  const bytes = (): number =>
    readdirSync(directory).reduce((sum, name) => {
      // The daemon may remove it at this moment.
      return sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0);
    }, 0);
  const { app } = await bench.startDaemon();
  await app.stop();
  const filler = new DurableLog({
    ...{ directory, owner: randomUUID(), maxAgeMs: 7_200_000, maxBytes: 3 << 20, queueMax: 1000 },
    ...{ onProblem: () => undefined, onNotice: () => undefined },
  });
  await filler.open();
  for (let index = 0; index < 40; index++) {
    filler.append(0, () => ({ label: 'filler', payload: Buffer.alloc(1 << 16) }));
  }
  await filler.close();
  const second = await bench.startDaemon();
  assert.ok(bytes() > 2 << 20, `${bytes()} bytes`);
  second.app.reload(bench.config({ history: { disk: { maxBytes: '1MiB' } } }));
  assert.match(bench.log.at(-1)?.message ?? '', /changed: history\.disk\.maxBytes$/);
  await waitFor(() => bytes() <= 1 << 20, { what: 'the oldest to leave' });
});
