// Proves that control groups are found by the inode numbers of their directories, in both places where the hierarchy may be
// mounted, that a miss makes the tree look again, though not too often, and that what it looks at is bounded. Directories
// of an ordinary file system stand for control groups; test/kernel/workloads.test.ts has real ones.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
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

test('an id that no directory has is looked for once', async (t) => {
  const cgroupRoot = createRoot(t, false);
  const tree = createTree(t, { cgroupRoot });
  const absent = 2n ** 63n;
  assert.equal(tree.pathOf(absent), null);
  await found(tree, idOf(cgroupRoot));
  mkdirSync(join(cgroupRoot, 'late'));
  const late = idOf(join(cgroupRoot, 'late'));
  for (let asked = 0; asked < 100; asked += 1) {
    assert.equal(tree.pathOf(absent), null);
  }
  // Another tree that has a reason to look walks three times meanwhile.
  const other = createTree(t, { cgroupRoot });
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(join(cgroupRoot, name));
    await found(other, idOf(join(cgroupRoot, name)));
  }
  assert.equal(tree.pathOf(late), null, 'it did not look again, or it would have met this one');
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
  const tree = createTree(t, { cgroupRoot, directoriesMax: 10 });
  await found(tree, idOf(cgroupRoot));
  const known = names.filter((name) => tree.pathOf(idOf(join(cgroupRoot, name))) !== null);
  assert.equal(known.length, 9, 'the root is one of the ten');
});

test('without cgroup v2 nothing is known, and nothing is looked for', (t) => {
  const cgroupRoot = mkdtempSync(join(tmpdir(), 'stuckd-v1-'));
  t.after(() => {
    rmSync(cgroupRoot, { recursive: true, force: true });
  });
  const tree = createTree(t, { cgroupRoot });
  assert.equal(tree.pathOf(idOf(cgroupRoot)), null);
});
