// Proves that what an outbox has accepted is there again after the process is gone, whatever the end of its file looks
// like; that only a waiting `updated` is replaced; and that all is bounded and counted. The death of a process by SIGKILL
// and a full disk are in outbox-faults.test.ts. It cannot prove what a disk does when the machine loses power.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs, { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { laneKey, type Outbox } from '../../../daemon/sinks/outbox.js';
import { waitFor } from '../../support/wait-for.js';
import { accept, createEntry, ids, OutboxBench } from './outbox-bench.js';
import { EPOCH_MS } from './sample-alerts.js';

const LOAD_CHILD = fileURLToPath(new URL('outbox-load-child.js', import.meta.url));

function createBench(context: TestContext): OutboxBench {
  const bench = new OutboxBench();
  context.after(() => {
    bench.remove();
  });
  return bench;
}

test('deliveries, attempts and threads are read again', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  accept(outbox, 'd2', 'fired', { alertId: 'a2', alert: '{"id":"a2"}' });
  accept(outbox, 'd3', 'resolved');
  const tried = createEntry('d2', { alertId: 'a2', alert: '{"id":"a2"}', attempts: 3, lastError: 'HTTP 500' });
  outbox.update(tried);
  outbox.update(createEntry('d1', { state: 'delivered', attempts: 1, endMs: EPOCH_MS + 1, httpStatus: 200 }));

  const again = (await bench.open()).outbox;
  assert.deepEqual([...again.entries()], [...outbox.entries()]);
  assert.deepEqual(again.find('d2'), tried);
  assert.equal(again.find('d1')?.alert, '', 'what was delivered needs no content');
  assert.deepEqual(again.threads(), [{ alertId: 'a2', receivers: ['hook'], alert: '{"id":"a2"}' }]);
  assert.deepEqual([...again.pending(laneKey('hook', 1)).keys()], ['d2', 'd3']);
});

test('an append is in the file when the call returns', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  assert.match(bench.text(), /"d1"/);
});

test('there is a file only while something counts: the first entry makes it, and the last takes it along', async (context) => {
  const bench = createBench(context);
  const { outbox, log } = await bench.open({ deadAgeMs: 1000 });
  assert.equal(existsSync(bench.path), false, 'nothing was ever accepted');
  for (const id of ['d1', 'd2']) {
    accept(outbox, id, 'fired', { alertId: id });
    assert.equal(statSync(bench.path).mode & 0o777, 0o600);
    accept(outbox, `${id}-end`, 'resolved', { alertId: id });
    for (const each of [id, `${id}-end`]) {
      outbox.update(createEntry(each, { alertId: id, state: 'dead', endMs: EPOCH_MS }));
    }
    await outbox.maintain();
    assert.equal(existsSync(bench.path), true, 'dead letters count');
    outbox.expire(EPOCH_MS + 1001);
    // What is being written to the disk is waited for.
    await waitFor(
      async () => {
        await outbox.maintain();
        return !existsSync(bench.path);
      },
      { what: 'the end of the file' },
    );
  }
  accept(outbox, 'd3', 'fired', { alertId: 'd3' });
  assert.deepEqual([log.problem, bench.problems], ['', []]);
  assert.deepEqual(ids((await bench.open()).outbox), ['d3'], 'the new file is read again');
});

test('nothing is written after the end', async (context) => {
  const bench = createBench(context);
  const { outbox, log } = await bench.open();
  await log.close();
  accept(outbox, 'd1', 'fired');
  assert.equal(existsSync(bench.path), false);
});

test('a file of the last run in which nothing counts any more goes away', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  const [first = ''] = bench.text().split('\n');
  writeFileSync(bench.path, `${first}\n`);
  assert.deepEqual(ids((await bench.open()).outbox), []);
  assert.equal(existsSync(bench.path), false);
});

test('a torn end, at every byte of the last line, costs that line alone', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  const before = bench.text().length;
  accept(outbox, 'd2', 'fired', { alertId: 'a2' });
  const whole = readFileSync(bench.path);
  for (let length = before; length < whole.length; length += 7) {
    writeFileSync(bench.path, whole.subarray(0, length));
    const opened = await bench.open();
    assert.deepEqual([ids(opened.outbox), opened.problem], [['d1'], ''], `${length} bytes`);
    accept(opened.outbox, 'd3', 'fired', { alertId: 'a3' });
    assert.deepEqual(ids((await bench.open()).outbox), ['d1', 'd3'], 'what comes after it is whole');
  }
});

test('a damaged line costs that line alone, and is told', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  accept(outbox, 'd2', 'fired', { alertId: 'a2' });
  accept(outbox, 'd3', 'fired', { alertId: 'a3' });
  writeFileSync(bench.path, bench.text().replace('"d2"', '"dX"'));
  const opened = await bench.open();
  assert.deepEqual(ids(opened.outbox), ['d1', 'd3']);
  assert.match(opened.problem, /1 damaged lines/);
});

test('a file of something else is kept beside', async (context) => {
  const bench = createBench(context);
  await bench.open();
  writeFileSync(bench.path, 'something else\n');
  const { outbox, problem } = await bench.open();
  assert.match(problem, /it was moved to .*outbox\.log\.unreadable/);
  assert.equal(readFileSync(`${bench.path}.unreadable`, 'utf8'), 'something else\n');
  accept(outbox, 'd1', 'fired');
  assert.deepEqual(ids((await bench.open()).outbox), ['d1']);
});

test('a waiting update is replaced by what is newer; fired and resolved never are', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'f', 'fired');
  accept(outbox, 'u1', 'updated');
  accept(outbox, 'u2', 'updated');
  accept(outbox, 'other', 'updated', { alertId: 'a2' });
  accept(outbox, 'elsewhere', 'updated', { receiver: 'chat' });
  assert.deepEqual(ids(outbox), ['f', 'u2', 'other', 'elsewhere']);
  accept(outbox, 'r', 'resolved');
  accept(outbox, 'f2', 'fired');
  accept(outbox, 'r2', 'resolved');
  assert.deepEqual(ids(outbox), ['f', 'other', 'elsewhere', 'r', 'f2', 'r2']);
  assert.deepEqual(ids((await bench.open()).outbox), ids(outbox));
});

test('an update that is under way is not replaced', async (context) => {
  const { outbox } = await createBench(context).open();
  accept(outbox, 'u1', 'updated');
  outbox.setBusy('u1', true);
  accept(outbox, 'u2', 'updated');
  assert.deepEqual(ids(outbox), ['u1', 'u2']);
});

test('too many: the oldest of the receiver that holds most is dropped, and counted', async (context) => {
  const { outbox } = await createBench(context).open({ pending: 4 });
  accept(outbox, 'c1', 'fired', { receiver: 'chat' });
  for (const id of ['d1', 'd2', 'd3', 'd4']) {
    accept(outbox, id, 'fired', { alertId: id });
  }
  assert.deepEqual(ids(outbox), ['c1', 'd2', 'd3', 'd4']);
  assert.deepEqual([outbox.counts('hook').dropped, outbox.counts('chat').dropped, outbox.dropped], [1, 0, 1]);
  assert.deepEqual(outbox.fill, { entries: 4, capacity: 4 });
});

test('too large: bytes are bounded as well', async (context) => {
  const { outbox } = await createBench(context).open({ alertBytes: 2500 });
  for (const id of ['d1', 'd2', 'd3']) {
    accept(outbox, id, 'fired', { alertId: id, alert: id.padEnd(1000, 'x') });
  }
  assert.deepEqual(ids(outbox), ['d2', 'd3']);
});

test('what several deliveries tell counts once, also after a restart, until the last of them is gone', async (context) => {
  const bench = createBench(context);
  const limits = { alertBytes: 2500 };
  const { outbox } = await bench.open(limits);
  const told = (opened: Outbox, alertId: string): void => {
    const alert = alertId.padEnd(1000, 'x');
    const entries = ['hook', 'chat', 'mail'].map((receiver) => {
      return createEntry(`${alertId}-${receiver}`, { receiver, alertId, alert });
    });
    opened.accept({ alertId, receivers: ['hook', 'chat', 'mail'], alert: '{}' }, entries);
  };
  told(outbox, 'a1');
  assert.equal(outbox.isCrowded, false);
  told(outbox, 'a2');
  assert.equal(outbox.isCrowded, true);
  assert.equal(ids(outbox).length, 6);
  const again = (await bench.open(limits)).outbox;
  assert.deepEqual([...again.entries()], [...outbox.entries()]);
  assert.deepEqual(again.thread('a1')?.alert, '{}', 'what is kept as long as it fires is short');
  for (const receiver of ['hook', 'chat', 'mail']) {
    const entry = again.find(`a1-${receiver}`);
    assert.ok(entry !== undefined);
    again.update({ ...entry, state: 'delivered', endMs: EPOCH_MS });
  }
  assert.equal(again.isCrowded, false);
  told(again, 'a3');
  assert.equal(again.pending(laneKey('hook', 1)).size, 2);
  told(again, 'a4');
  assert.deepEqual(
    ids(again).filter((id) => id.startsWith('a2')),
    [],
    'the oldest makes room',
  );
});

test('dead letters and delivered ones are kept for a while, bounded', async (context) => {
  const { outbox } = await createBench(context).open({ dead: 2, delivered: 1, deadAgeMs: 1000 });
  for (const id of ['d1', 'd2', 'd3', 'd4', 'd5']) {
    accept(outbox, id, 'fired', { alertId: id });
    const state = id === 'd1' || id === 'd2' ? 'delivered' : 'dead';
    outbox.update(createEntry(id, { alertId: id, state, endMs: EPOCH_MS }));
  }
  assert.deepEqual(ids(outbox), ['d2', 'd4', 'd5']);
  outbox.expire(EPOCH_MS + 1001);
  assert.deepEqual(ids(outbox), ['d2']);
});

test('the file is written anew when most of it does not count any more', async (context) => {
  const bench = createBench(context);
  const { outbox, log } = await bench.open();
  accept(outbox, 'd1', 'fired');
  for (let index = 0; index < 150; index += 1) {
    accept(outbox, `u${index}`, 'updated', { alert: 'x'.repeat(10_000) });
  }
  assert.equal(log.wantsRewrite, true);
  const rewriting = outbox.maintain();
  accept(outbox, 'meanwhile', 'fired', { alertId: 'a9' });
  await rewriting;
  assert.ok(bench.text().length < 100_000);
  assert.deepEqual(ids((await bench.open()).outbox), ['d1', 'u149', 'meanwhile']);
});

test('it is written anew when it is twice as large as what counts', async (context) => {
  const bench = createBench(context);
  const { outbox, log } = await bench.open();
  for (let index = 0; index < 120; index += 1) {
    accept(outbox, `d${index}`, 'fired', { alertId: `a${index}`, alert: `${index}`.padEnd(10_000, 'x') });
  }
  await outbox.maintain();
  assert.equal(log.wantsRewrite, false);
  // Deliveries and threads count, each with its text.
  for (let index = 0; index < 260; index += 1) {
    accept(outbox, `u${index}`, 'updated', { alert: `u${index}`.padEnd(10_000, 'x') });
  }
  assert.equal(log.wantsRewrite, true);
});

test('what is appended while the file is written anew is on the disk as well', async (context) => {
  const bench = createBench(context);
  const { outbox, log } = await bench.open();
  accept(outbox, 'first', 'fired');
  const { ino: oldIno } = fs.statSync(bench.path);
  /** Up to where each file was synced. */
  const synced = new Map<number, number>();
  let late = false;
  const { fdatasync } = fs;
  context.mock.method(fs, 'fdatasync', (fd: number, done: (error: Error | null) => void) => {
    const { ino, size } = fs.fstatSync(fd);
    if (ino !== oldIno && !late) {
      late = true;
      accept(outbox, 'late', 'fired', { alertId: 'late' });
    }
    fdatasync(fd, (error) => {
      synced.set(ino, size);
      done(error);
    });
  });
  syncBuiltinESMExports();
  try {
    const rewriting = log.rewrite([]);
    accept(outbox, 'meanwhile', 'fired', { alertId: 'meanwhile' });
    await rewriting;
    const { ino, size } = fs.statSync(bench.path);
    assert.notEqual(ino, oldIno);
    await waitFor(() => synced.get(ino) === size, { what: 'the sync', timeoutMs: 10_000 });
    assert.match(bench.text(), /"meanwhile".*"late"/s);
  } finally {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test('long lines, whatever pieces the file is read in, and one that is too long for ours', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  for (let index = 0; index < 9; index += 1) {
    accept(outbox, `d${index}`, 'fired', {
      alertId: `a${index}`,
      alert: `${'x'.repeat(index)}${'\u20ac'.repeat(200_000)}`,
    });
  }
  const before = [...outbox.entries()];
  assert.deepEqual([...(await bench.open()).outbox.entries()], before);
  appendFileSync(bench.path, `${'y'.repeat(40_000_000)}\n`);
  const opened = await bench.open();
  assert.deepEqual([...opened.outbox.entries()], before);
  assert.match(opened.problem, /1 damaged lines/);
});

test('a start needs room for what counts, and not for the whole file', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  for (let index = 0; index < 6000; index += 1) {
    accept(outbox, `u${index}`, 'updated', { alert: `${index}`.padEnd(19_000, 'x') });
  }
  const fileBytes = fs.statSync(bench.path).size;
  assert.ok(fileBytes > 100_000_000);
  const { stdout } = await promisify(execFile)(process.execPath, [LOAD_CHILD, bench.directory]);
  const { pending, grownBytes } = JSON.parse(stdout) as { pending: number; grownBytes: number };
  assert.equal(pending, 1);
  assert.ok(grownBytes < fileBytes / 2, `${grownBytes} bytes for a file of ${fileBytes}`);
});

test('a file that somebody removed is made again', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  rmSync(bench.path);
  await waitFor(
    async () => {
      accept(outbox, 'd2', 'fired', { alertId: 'a2' });
      await outbox.maintain();
      return existsSync(bench.path);
    },
    { what: 'the file' },
  );
  assert.deepEqual(ids((await bench.open()).outbox), ['d1', 'd2']);
});

test('what a truncated file lost is not invented', async (context) => {
  const bench = createBench(context);
  const { outbox } = await bench.open();
  accept(outbox, 'd1', 'fired');
  truncateSync(bench.path, 0);
  appendFileSync(bench.path, '');
  assert.deepEqual(ids((await bench.open()).outbox), []);
});
