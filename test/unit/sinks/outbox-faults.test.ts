// Proves that nothing which was accepted is lost when the process is killed at any moment, also while the file is being
// written anew; and that a full disk costs durability only: the outbox goes on in memory, says so, and mends itself. The
// disk is a small tmpfs, which takes root. It cannot prove what a disk does when the machine loses power.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { accept, ids, OutboxBench } from './outbox-bench.js';

const CHILD = fileURLToPath(new URL('outbox-child.js', import.meta.url));

/** Starts the child and kills it when it has said `lines` lines. @returns all that it said */
async function killedAfter(directory: string, first: number, lines: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, directory, first.toString()], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > lines) {
      child.kill('SIGKILL');
    }
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...ending) => {
      resolve(ending);
    });
  });
  assert.deepEqual([code, signal], [null, 'SIGKILL']);
  // The last line may not be whole.
  return said.split('\n').slice(0, -1);
}

test('kill -9, several times: nothing that was accepted is lost, and the order holds', async (context) => {
  const bench = new OutboxBench();
  context.after(() => {
    bench.remove();
  });
  const accepted: string[] = [];
  for (const lines of [1, 40, 333, 1200]) {
    accepted.push(...(await killedAfter(bench.directory, accepted.length * 2, lines)));
    const { outbox, problem, log } = await bench.open();
    const found = ids(outbox);
    assert.deepEqual(
      found.filter((id) => accepted.includes(id)),
      accepted,
      'something was lost, or its order',
    );
    const known = new Set(accepted);
    // The last one may have been accepted without having been said.
    accepted.push(...found.filter((id) => !known.has(id)));
    assert.equal(problem, '');
    await log.close();
  }
  assert.ok(accepted.length > 1500);
});

const isRoot = process.getuid?.() === 0;

test('a full disk', { skip: isRoot ? false : 'needs root, to mount a small tmpfs' }, async (context) => {
  const bench = new OutboxBench();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'stuckd-test', bench.directory]);
  context.after(() => {
    execFileSync('umount', ['-l', bench.directory]);
    bench.remove();
  });
  const { outbox, log } = await bench.open();
  accept(outbox, 'before', 'fired');
  const filler = join(bench.directory, 'filler');
  assert.throws(() => writeFileSync(filler, Buffer.alloc(1024 * 1024)), /ENOSPC/);

  for (let index = 0; index < 5; index += 1) {
    accept(outbox, `full${index}`, 'fired', { alertId: `a${index}`, alert: 'x'.repeat(4000) });
  }
  assert.equal(ids(outbox).length, 6, 'it goes on in memory');
  assert.match(log.problem, /ENOSPC/);
  assert.deepEqual(bench.problems.length, 1, 'it is said once');
  await outbox.maintain();
  assert.match(log.problem, /ENOSPC/, 'still full');
  assert.deepEqual(ids((await new OutboxBench(bench.directory).open()).outbox), ['before'], 'half a line is no harm');

  rmSync(filler);
  await outbox.maintain();
  assert.equal(log.problem, '');
  assert.equal(bench.problems.at(-1), '');
  accept(outbox, 'after', 'fired', { alertId: 'z' });
  assert.deepEqual(ids((await bench.open()).outbox), ids(outbox));
});

test('a disk that is read-only from the start', { skip: isRoot ? false : 'needs root' }, async (context) => {
  const bench = new OutboxBench();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,ro', 'stuckd-test', bench.directory]);
  context.after(() => {
    execFileSync('umount', ['-l', bench.directory]);
    bench.remove();
  });
  const { outbox, log } = await bench.open();
  accept(outbox, 'd1', 'fired');
  assert.match(log.problem, /EROFS/);
  execFileSync('mount', ['-o', 'remount,rw', bench.directory]);
  await outbox.maintain();
  assert.equal(log.problem, '');
  assert.deepEqual(ids((await bench.open()).outbox), ['d1']);
});

test(
  'a directory that cannot be entered',
  { skip: isRoot ? 'root may enter every directory' : false },
  async (context) => {
    const bench = new OutboxBench();
    context.after(() => {
      chmodSync(bench.directory, 0o700);
      bench.remove();
    });
    chmodSync(bench.directory, 0o500);
    const { outbox, log } = await bench.open();
    accept(outbox, 'd1', 'fired');
    assert.match(log.problem, /EACCES/);
    chmodSync(bench.directory, 0o700);
    mkdirSync(join(bench.directory, 'outbox'), { recursive: true });
    await outbox.maintain();
    assert.equal(log.problem, '');
  },
);
