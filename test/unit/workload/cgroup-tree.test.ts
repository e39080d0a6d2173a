// Proves that control groups are found by the inode numbers of their directories, in both places where the hierarchy may be
// mounted, that a miss makes the tree look again, though not too often, and that what it looks at is bounded. Directories
// of an ordinary file system stand for control groups; test/kernel/workloads.test.ts has real ones.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CgroupTree, type CgroupTreeOptions } from '../../../daemon/workload/cgroup-tree.js';
import { waitFor } from '../../support/wait-for.js';

/** An empty hierarchy, alone or beside those of v1. */
function createRoot(t: TestContext, unified: boolean): string {
  const cgroupRoot = mkdtempSync(join(tmpdir(), 'stuckd-cgroup-'));
  t.after(() => {
    rmSync(cgroupRoot, { recursive: true, force: true });
  });
  const root = unified ? join(cgroupRoot, 'unified') : cgroupRoot;
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'cgroup.controllers'), '');
  return cgroupRoot;
}

function idOf(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}

function createTree(t: TestContext, options: CgroupTreeOptions): CgroupTree {
  const tree = new CgroupTree({ walkIntervalMs: 0, ...options });
  t.after(() => {
    tree.stop();
  });
  return tree;
}

async function found(tree: CgroupTree, id: bigint): Promise<string> {
  return waitFor(() => tree.pathOf(id), { what: `group ${id}` });
}

for (const unified of [false, true]) {
  test(`a group is found by its id, ${unified ? 'beside those of v1' : 'where there is v2 alone'}`, async (t) => {
    const cgroupRoot = createRoot(t, unified);
    const root = unified ? join(cgroupRoot, 'unified') : cgroupRoot;
    mkdirSync(join(root, 'kubepods', 'pod1', 'ctr'), { recursive: true });
    const tree = createTree(t, { cgroupRoot });
    assert.equal(await found(tree, idOf(join(root, 'kubepods/pod1/ctr'))), '/kubepods/pod1/ctr');
    assert.equal(tree.pathOf(idOf(join(root, 'kubepods'))), '/kubepods');
    assert.equal(tree.pathOf(idOf(root)), '/');
  });
}

test('a group that is made later is found when it is asked for', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const tree = createTree(t, { cgroupRoot });
  assert.equal(await found(tree, idOf(cgroupRoot)), '/');
  mkdirSync(join(cgroupRoot, 'late'));
  assert.equal(await found(tree, idOf(join(cgroupRoot, 'late'))), '/late');
});

test('a miss is no reason to look again before the interval is over', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const tree = createTree(t, { cgroupRoot, walkIntervalMs: 3_600_000 });
  await found(tree, idOf(cgroupRoot));
  mkdirSync(join(cgroupRoot, 'late'));
  const late = idOf(join(cgroupRoot, 'late'));
  assert.equal(tree.pathOf(late), null);
  // A second tree that has found it had at least as much time.
  await found(createTree(t, { cgroupRoot }), late);
  assert.equal(tree.pathOf(late), null);
});

/** For trees that walk again as soon as there is a reason: to them, no walk takes any time. */
const ZERO_TIME = { nowMs: () => 0 };

interface Reading {
  /** How often a tree has begun to walk; of all trees on the same root. */
  readonly walks: () => number;
  /** Until this is set, the directory cannot be read. */
  isMended: boolean;
}

/** Watches how directories are read. @param broken a directory that fails with `code` */
function watchReading(t: TestContext, root: string, broken = '', code = ''): Reading {
  const { readdir } = promises;
  let walks = 0;
  const reading = { walks: () => walks, isMended: false };
  const mock = t.mock.method(promises, 'readdir', async (...given: Parameters<typeof readdir>) => {
    const path = String(given[0]);
    walks += path === join(root, '/') ? 1 : 0;
    if (path === broken && !reading.isMended) {
      throw Object.assign(new Error(code), { code });
    }
    return readdir(...given);
  });
  // Modules that import it by name see the change.
  syncBuiltinESMExports();
  t.after(() => {
    mock.mock.restore();
    syncBuiltinESMExports();
  });
  return reading;
}

/** A walk of the first tree would have begun before the one of another, which has its reason later. */
async function assertRests(t: TestContext, cgroupRoot: string, { walks }: Reading): Promise<void> {
  const before = walks();
  await found(createTree(t, { cgroupRoot, ...ZERO_TIME }), idOf(cgroupRoot));
  assert.equal(walks(), before + 1, 'the other one alone has looked');
}

test('an id that no directory has is looked for once', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const reading = watchReading(t, cgroupRoot);
  const tree = createTree(t, { cgroupRoot, ...ZERO_TIME });
  const absent = 2n ** 63n;
  assert.equal(tree.pathOf(absent), null);
  await found(tree, idOf(cgroupRoot));
  for (let asked = 0; asked < 100; asked += 1) {
    assert.equal(tree.pathOf(absent), null);
  }
  await assertRests(t, cgroupRoot, reading);
  mkdirSync(join(cgroupRoot, 'late'));
  assert.equal(await found(tree, idOf(join(cgroupRoot, 'late'))), '/late', 'it still looks for others');
});

test('a directory that is gone when it is its turn had nothing in it', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const group = join(cgroupRoot, 'a');
  mkdirSync(join(group, 'b'), { recursive: true });
  const reading = watchReading(t, cgroupRoot, group, 'ENOENT');
  const tree = createTree(t, { cgroupRoot, ...ZERO_TIME });
  assert.equal(tree.pathOf(idOf(join(group, 'b'))), null);
  await found(tree, idOf(cgroupRoot));
  assert.equal(tree.pathOf(idOf(join(group, 'b'))), null);
  await assertRests(t, cgroupRoot, reading);
});

test('what is in a directory that cannot be read for now is not taken for gone', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const group = join(cgroupRoot, 'a');
  mkdirSync(join(group, 'b'), { recursive: true });
  const reading = watchReading(t, cgroupRoot, group, 'EMFILE');
  const tree = createTree(t, { cgroupRoot, ...ZERO_TIME });
  assert.equal(tree.pathOf(idOf(join(group, 'b'))), null);
  await found(tree, idOf(cgroupRoot));
  reading.isMended = true;
  assert.equal(await found(tree, idOf(join(group, 'b'))), '/a/b');
});

test('links are not followed', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const outside = mkdtempSync(join(tmpdir(), 'stuckd-outside-'));
  t.after(() => {
    rmSync(outside, { recursive: true, force: true });
  });
  symlinkSync(outside, join(cgroupRoot, 'link'));
  const tree = createTree(t, { cgroupRoot });
  await found(tree, idOf(cgroupRoot));
  assert.equal(tree.pathOf(idOf(outside)), null);
});

test('no more directories are visited than allowed', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const names = Array.from({ length: 20 }, (_, index) => `group-${index}`);
  for (const name of names) {
    mkdirSync(join(cgroupRoot, name));
  }
  const reading = watchReading(t, cgroupRoot);
  const tree = createTree(t, { cgroupRoot, directoriesMax: 10, ...ZERO_TIME });
  await found(tree, idOf(cgroupRoot));
  const known = names.filter((name) => tree.pathOf(idOf(join(cgroupRoot, name))) !== null);
  assert.equal(known.length, 9, 'the root is one of the ten');
  // What was cut off is not taken for gone: it is looked for again, and found when there is room.
  const [cut = ''] = names.filter((name) => !known.includes(name));
  const id = idOf(join(cgroupRoot, cut));
  const before = reading.walks();
  await waitFor(() => tree.pathOf(id) === null && reading.walks() > before + 1, { what: 'two more walks' });
  for (const name of names.filter((other) => other !== cut)) {
    rmdirSync(join(cgroupRoot, name));
  }
  assert.equal(await found(tree, id), `/${cut}`);
});

test('without cgroup v2 nothing is known, and nothing is looked for', (t) => {
  const cgroupRoot = mkdtempSync(join(tmpdir(), 'stuckd-v1-'));
  t.after(() => {
    rmSync(cgroupRoot, { recursive: true, force: true });
  });
  const tree = createTree(t, { cgroupRoot });
  assert.equal(tree.pathOf(idOf(cgroupRoot)), null);
});
