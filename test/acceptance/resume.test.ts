// Proves that a watch goes on where it was cut off: after a reconnect, after a restart, after 10,000 changes, with and
// without a filter, nothing missed and nothing told twice; and that what cannot be resumed is refused in words that say what
// to do. gRPC and disk are real, the records come from memory. A daemon that is killed is in history-replay.test.ts.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CallError } from '../../daemon/rpc/grpc-client.js';
import { waitFor } from '../support/wait-for.js';
import { createRecord, FakeRecords } from '../unit/rpc/sample-records.js';
import { type Follower, HistoryBench, type HistoryRun } from './history-bench.js';

let bench: HistoryBench;

beforeEach(() => {
  bench = new HistoryBench();
});

afterEach(async () => {
  await bench.clean();
});

/** Follows from a snapshot until it is complete. */
async function followed(run: HistoryRun, filter = {}): Promise<Follower> {
  const follower = bench.follow(run.client, '', filter);
  await waitFor(() => follower.words.at(-1) === 'snapshotEnd', { what: 'the snapshot' });
  return follower;
}

/** The error with which a watch is refused. */
async function refusal(run: HistoryRun, token: string, filter = {}): Promise<CallError> {
  const follower = bench.follow(run.client, token, filter);
  await waitFor(() => follower.error !== null, { what: 'the refusal' });
  assert.ok(follower.error instanceof CallError);
  assert.deepEqual(follower.changes, []);
  return follower.error;
}

const c1 = createRecord({ id: 'c1' });
const c2 = createRecord({ id: 'c2', kind: 'closing' });
const c3 = createRecord({ id: 'c3' });

describe('a token', () => {
  test('comes with every response but those of the snapshot', async () => {
    const run = await bench.start(new FakeRecords([c1]), {}, { heartbeatMs: 50, batchMax: 1 });
    const follower = bench.follow(run.client);
    await follower.untilHas(2);
    run.records.change('opened', c2);
    run.records.change('opened', c3);
    // Heartbeats can come anywhere in between; one says the same place as the response before.
    const places = (): string[] => [...new Set(follower.tokens)];
    await waitFor(() => places().length === 4 && follower.token === follower.tokens.at(-2), { what: 'a heartbeat' });
    assert.equal(follower.tokens[0], '');
    assert.ok(
      follower.tokens.slice(1).every((token) => /^[A-Za-z0-9_-]{20,300}$/.test(token)),
      follower.tokens.join(),
    );
    const second = bench.follow(run.client, places()[2]);
    await second.untilHas(1);
    assert.deepEqual(second.words, ['opened c3']);
  });

  test('of a heartbeat moves on with changes that the filter left out', async () => {
    const run = await bench.start(new FakeRecords(), {}, { heartbeatMs: 50 });
    const filter = { kinds: [7] };
    const follower = await followed(run, filter);
    const before = follower.token;
    run.records.change('opened', c1);
    await waitFor(() => follower.token !== before, { what: 'another token' });
    assert.deepEqual(follower.words, ['snapshotEnd']);
  });
});

describe('resume', () => {
  test('after a reconnect: what happened since, and then what happens', async () => {
    const run = await bench.start(new FakeRecords([c1]));
    const first = await followed(run);
    run.records.change('opened', c2);
    await first.untilHas(3);
    first.stop();
    run.records.change('updated', { ...c2, retransmits: 9 });
    run.records.change('ended', { ...c1, outcome: 'recovered' });
    const second = bench.follow(run.client, first.token);
    await second.untilHas(2);
    run.records.change('opened', c3);
    await second.untilHas(3);
    assert.deepEqual(second.words, ['updated c2', 'ended c1', 'opened c3']);
    assert.equal(second.changes[0]?.updated?.retransmits, 9);
    assert.equal(second.changes[1]?.ended?.outcome, 1);
    const third = bench.follow(run.client, second.token);
    await waitFor(() => third.tokens.length === 2, { what: 'the word that nothing was missed' });
    assert.deepEqual(third.words, []);
  });

  test('after a restart with nothing changed, again and again', async () => {
    let run = await bench.start(new FakeRecords([c1]));
    let follower = await followed(run);
    for (let restart = 0; restart < 3; restart++) {
      const { token } = follower;
      await bench.stop(run);
      run = await bench.start(new FakeRecords([c1]));
      follower = bench.follow(run.client, token);
      await waitFor(() => follower.tokens.length > 0, { what: 'the resumption' });
      assert.deepEqual([follower.words, follower.error], [[], null]);
    }
  });

  test('after 10,000 changes, over two restarts: every one of them, once and in order', async () => {
    let run = await bench.start();
    const first = await followed(run);
    first.stop();
    const expected: string[] = [];
    const story = (from: number, to: number): void => {
      for (let index = from; index < to; index++) {
        const record = createRecord({ id: `d${index.toString().padStart(6, '0')}` });
        run.records.change('opened', record);
        run.records.change('ended', { ...record, outcome: 'recovered' });
        expected.push(`opened ${record.id}`, `ended ${record.id}`);
      }
    };
    story(0, 2000);
    await bench.stop(run);
    run = await bench.start();
    story(2000, 4000);
    await bench.stop(run);
    run = await bench.start();
    story(4000, 5000);
    const second = bench.follow(run.client, first.token);
    await second.untilHas(10_000);
    story(5000, 5010);
    await second.untilHas(10_020);
    assert.deepEqual(second.words, expected);
    assert.ok(second.tokens.length < 400, `${second.tokens.length} responses: they are batches`);
  });

  test('while changes go on: no seam between what was missed and what happens', async () => {
    const run = await bench.start();
    const first = await followed(run);
    first.stop();
    const expected: string[] = [];
    const open = (count: number): void => {
      for (let index = 0; index < count; index++) {
        const id = `e${expected.length.toString().padStart(6, '0')}`;
        run.records.change('opened', createRecord({ id }));
        expected.push(`opened ${id}`);
      }
    };
    open(3000);
    const second = bench.follow(run.client, first.token);
    while (expected.length < 8000) {
      open(50);
      await new Promise(setImmediate);
    }
    await second.untilHas(expected.length);
    assert.deepEqual(second.words, expected);
  });

  test('with a filter: what it followed goes on to its end, the rest stays out', async () => {
    const filter = { kinds: [1] };
    const run = await bench.start();
    const first = await followed(run, filter);
    run.records.change('opened', c1);
    run.records.change('opened', c2);
    run.records.change('opened', c3);
    await first.untilHas(3);
    first.stop();
    await waitFor(() => first.words.length === 3, { what: 'two that match' });
    run.records.change('updated', { ...c1, kind: 'closing' });
    run.records.change('ended', { ...c1, kind: 'closing', outcome: 'timed_out' });
    run.records.change('updated', { ...c2, kind: 'retransmitting' });
    run.records.change('ended', { ...c2, kind: 'retransmitting', outcome: 'timed_out' });
    const expected = ['updated c1', 'ended c1', 'opened c2', 'ended c2'];
    const second = bench.follow(run.client, first.token, filter);
    await second.untilHas(4);
    assert.deepEqual(second.words, expected);
    await bench.stop(run);
    const again = await bench.start(new FakeRecords([c3]));
    const third = bench.follow(again.client, first.token, filter);
    await third.untilHas(4);
    again.records.change('ended', { ...c3, kind: 'closing', outcome: 'timed_out' });
    await third.untilHas(5);
    assert.deepEqual(third.words, [...expected, 'ended c3']);
  });

  test('what a killed daemon had told and not saved ends as lost, and is in the history', async () => {
    let run = await bench.start();
    const first = await followed(run);
    run.records.change('opened', c1);
    run.records.change('opened', c2);
    await first.untilHas(3);
    await bench.stop(run);
    run = await bench.start(new FakeRecords([c1]));
    const second = bench.follow(run.client, first.token);
    await second.untilHas(1);
    assert.deepEqual(second.words, ['ended c2']);
    const lostEnd = second.changes[0]?.ended;
    assert.equal(lostEnd?.outcome, 8);
    assert.match(lostEnd.timeline?.at(-1)?.text ?? '', /^stuckd ended before it had saved this record/);
    await bench.untilWritten(run);
    const { stuckConnection } = await run.client.getStuckConnection('c2');
    assert.equal(stuckConnection?.remote?.port, 8000);
  });

  test('what comes back after a restart is not opened a second time', async () => {
    let run = await bench.start();
    const first = await followed(run);
    run.records.change('opened', c1);
    await first.untilHas(2);
    await bench.stop(run);
    run = await bench.start(new FakeRecords([c1]));
    run.records.change('opened', c1);
    run.records.change('ended', { ...c1, outcome: 'recovered' });
    const second = bench.follow(run.client, first.token);
    await second.untilHas(1);
    assert.deepEqual(second.words, ['ended c1']);
  });
});

describe('what cannot be resumed', () => {
  test('nonsense, and the token of another filter', async () => {
    const run = await bench.start();
    const follower = await followed(run);
    for (const token of [
      'x',
      'eyJhIjoxfQ',
      'A'.repeat(5000),
      Buffer.from('[1,"alerts","r",1,"f"]').toString('base64url'),
    ]) {
      const { failure, message } = await refusal(run, token);
      assert.equal(failure, 'invalid');
      assert.match(message, /resume_token is not a token of this watch; watch again without one/);
    }
    const { failure, message } = await refusal(run, follower.token, { kinds: [1] });
    assert.equal(failure, 'invalid');
    assert.match(message, /another filter; watch again without one/);
  });

  test('the token of another version: the client takes a snapshot, as after any upgrade', async () => {
    const run = await bench.start();
    const follower = await followed(run);
    const [, ...rest] = JSON.parse(Buffer.from(follower.token, 'base64url').toString()) as unknown[];
    for (const token of [
      [2, ...rest],
      [7, { of: 'the future' }],
    ]) {
      const { failure, message } = await refusal(run, Buffer.from(JSON.stringify(token)).toString('base64url'));
      assert.equal(failure, 'expired');
      assert.match(message, /another version of stuckd; watch again without one/);
    }
  });

  test('changes that are not kept any more', async () => {
    const limits = { journalMaxBytes: 1 << 20 };
    const run = await bench.start(new FakeRecords(), limits);
    const follower = await followed(run);
    follower.stop();
    while (run.history.journal.floor === 0) {
      for (let index = 0; index < 200; index++) {
        run.records.change('updated', c1);
      }
      await bench.untilWritten(run);
    }
    const { failure, message } = await refusal(run, follower.token);
    assert.equal(failure, 'expired');
    assert.match(message, /not kept any more.*watch again without a token/);
  });

  test('a run that this disk knows nothing of', async () => {
    const run = await bench.start();
    const follower = await followed(run);
    await bench.stop(run);
    rmSync(join(bench.directory), { recursive: true });
    assert.equal((await refusal(await bench.start(), follower.token)).failure, 'expired');
  });

  test('a change that was told and never reached the disk, though its number was given again', async () => {
    let run = await bench.start();
    run.records.change('opened', c1);
    await bench.untilWritten(run);
    const follower = await followed(run);
    const intact = follower.token;
    // As when the machine loses power: what follows is told, and not on the disk that the next run finds.
    const [, stream, runId, sequence, filter] = JSON.parse(Buffer.from(intact, 'base64url').toString()) as unknown[];
    const beyond = [1, stream, runId, Number(sequence) + 1, filter];
    await bench.stop(run);
    run = await bench.start(new FakeRecords([c1]));
    run.records.change('opened', c2);
    run.records.change('opened', c3);
    const lost = Buffer.from(JSON.stringify(beyond)).toString('base64url');
    assert.equal((await refusal(run, lost)).failure, 'expired');
    const resumed = bench.follow(run.client, intact);
    await resumed.untilHas(2);
    assert.deepEqual(resumed.words, ['opened c2', 'opened c3']);
  });
});

describe('ended records', () => {
  test('are listed from memory and disk, page by page, each once and in order', async () => {
    let run = await bench.start();
    const ids: string[] = [];
    for (let index = 0; index < 100; index++) {
      const id = `f${((index * 37) % 100).toString().padStart(3, '0')}`;
      ids.push(id);
      run.records.change('opened', createRecord({ id }));
      run.records.change('ended', createRecord({ id, outcome: 'recovered', endUs: run.records.timeUs }));
    }
    await bench.stop(run);
    run = await bench.start();
    run.records.change('opened', createRecord({ id: 'f0505' }));
    run.records.change('ended', createRecord({ id: 'f0505', outcome: 'recovered', endUs: run.records.timeUs }));
    run.records.change('opened', createRecord({ id: 'f0506' }));
    await bench.untilWritten(run);
    const listed: string[] = [];
    let pageToken = '';
    do {
      const page = await run.client.listStuckConnections({ includeEnded: true, pageSize: 7, pageToken });
      assert.ok(page.stuckConnections.length <= 7);
      listed.push(...page.stuckConnections.map(({ id }) => id ?? ''));
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== '');
    assert.deepEqual(listed, [...ids, 'f0505', 'f0506'].sort());
    const onlyOpen = await run.client.listStuckConnections({});
    assert.deepEqual(
      onlyOpen.stuckConnections.map(({ id }) => id),
      ['f0506'],
    );
  });

  test('are listed and found while the disk takes nothing, also those that memory has no room for', async () => {
    writeFileSync(bench.directory, 'in the way');
    const run = await bench.start(new FakeRecords([], 10));
    const ids = Array.from({ length: 60 }, (_, index) => `f${index.toString().padStart(3, '0')}`);
    for (const id of ids) {
      run.records.change('opened', createRecord({ id }));
      run.records.change('ended', createRecord({ id, outcome: 'recovered', endUs: run.records.timeUs }));
    }
    assert.equal(run.records.recentlyEnded().length, 10);
    const listed = await run.client.listStuckConnections({ includeEnded: true });
    assert.deepEqual(
      listed.stuckConnections.map(({ id }) => id),
      ids,
    );
    assert.equal((await run.client.getStuckConnection('f000')).stuckConnection?.id, 'f000');
    assert.match(bench.log.join(), /kept in memory only/);
  });

  test('are found by id, with all that was known of them but their socket', async () => {
    let run = await bench.start();
    run.records.change('opened', c1);
    run.records.change('ended', { ...c1, outcome: 'reset_by_peer', endUs: run.records.timeUs });
    const before = await run.client.getStuckConnection('c1');
    await bench.stop(run);
    run = await bench.start();
    assert.deepEqual((await run.client.getStuckConnection('c1')).stuckConnection, before.stuckConnection);
    await assert.rejects(
      run.client.getStuckConnection('c1', { tcpRetries2: 5 }),
      /nothing but the record is kept of it/,
    );
    await assert.rejects(run.client.getStuckConnection('c9'), /no stuck connection has the id "c9"/);
  });
});
