// Proves whose workload a record has, that it is learnt while the process is there and kept when it is gone, and that what
// is remembered is bounded. Processes and control groups are tables here; how they are read is shown beside this file.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { workloadOfCgroupPath } from '../../../daemon/core/cgroup-path.js';
import type { Owner } from '../../../daemon/core/record.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { BoundedCache } from '../../../daemon/workload/bounded-cache.js';
import { WorkloadTable } from '../../../daemon/workload/workload-table.js';
import { createRecord, FakeRecords, OWNER } from '../rpc/sample-records.js';

/** A node whose processes and groups come and go. */
class Node {
  readonly records = new FakeRecords();
  readonly processes = new Map<number, string>();
  readonly groups = new Map<bigint, string>();
  readonly reads: number[] = [];
  podName = '';

  table(cacheMax = 100): WorkloadTable {
    return new WorkloadTable({
      records: this.records,
      cacheMax,
      readProcess: (pid) => {
        this.reads.push(pid);
        const path = this.processes.get(pid);
        return path === undefined ? null : workloadOfCgroupPath(path);
      },
      cgroupPath: (id) => this.groups.get(id) ?? null,
      withPodNames: (workload): Workload => ({ ...workload, pod: this.podName }),
    });
  }
}

function owner(pid: number, changes: Partial<Owner> = {}): Owner {
  return { ...OWNER, pid, holders: [], ...changes };
}

const service = (name: string): string => `/system.slice/${name}.service`;

describe('whose workload it is', () => {
  const node = new Node();
  node.processes.set(1, service('present'));
  node.processes.set(2, service('past'));
  node.groups.set(7n, service('group'));
  node.groups.set(9n, service('creator'));
  const orphan = { owner: null, ownerType: 'orphan' } as const;
  const table = node.table();
  const cases: readonly [string, Parameters<typeof createRecord>[0], string | null][] = [
    ['the owner', { owner: owner(1), lastOwner: owner(2), creatorCgroupId: 9n }, 'present.service'],
    ['the last owner of an orphan', { ...orphan, lastOwner: owner(2), creatorCgroupId: 9n }, 'past.service'],
    ['the group of an owner that is gone', { owner: owner(3, { cgroupId: 7n }) }, 'group.service'],
    ['the creator, where there never was an owner', { ...orphan, creatorCgroupId: 9n }, 'creator.service'],
    ['not the creator, where the owner is not known', { owner: owner(3, { cgroupId: 0n }), creatorCgroupId: 9n }, null],
    ['nobody yet, while the owner is looked up', { owner: null, ownerType: 'pending', creatorCgroupId: 9n }, null],
    ['nobody', { ...orphan, creatorCgroupId: 0n }, null],
  ];
  for (const [name, changes, unit] of cases) {
    test(name, () => {
      assert.equal(table.workloadOf(createRecord(changes))?.unit ?? null, unit);
    });
  }
});

test('it is learnt when the record opens, and known when the process is gone', () => {
  const node = new Node();
  node.processes.set(1, service('web'));
  const table = node.table();
  const record = createRecord({ owner: owner(1) });
  node.records.change('opened', record);
  node.processes.clear();
  assert.equal(table.workloadOf(record)?.unit, 'web.service');
  const orphan = createRecord({ ownerType: 'orphan', owner: null, lastOwner: record.owner });
  assert.equal(table.workloadOf(orphan)?.unit, 'web.service');
  assert.deepEqual(node.reads, [1]);
});

test('a process is read once for all its sockets, again if it is moved, and another with its pid is another', () => {
  const node = new Node();
  node.processes.set(1, service('web'));
  const table = node.table();
  const unit = (changes: Partial<Owner>): string | undefined =>
    table.workloadOf(createRecord({ owner: owner(1, changes) }))?.unit;
  assert.equal(unit({}), 'web.service');
  assert.equal(unit({ holders: [{ pid: 1, comm: 'x', fd: 9 }] }), 'web.service');
  assert.equal(node.reads.length, 1);

  node.processes.set(1, service('moved'));
  assert.equal(unit({ cgroupId: 8n }), 'moved.service');
  node.processes.set(1, service('other'));
  assert.equal(unit({ startBootUs: OWNER.startBootUs + 1_000_000 }), 'other.service');
  assert.equal(unit({}), 'web.service');
  assert.equal(node.reads.length, 3);
});

test('a process that is gone is not asked for again; its group is, until it is found', () => {
  const node = new Node();
  const table = node.table();
  const record = createRecord({ owner: owner(1, { cgroupId: 7n }) });
  assert.equal(table.workloadOf(record), null);
  assert.equal(table.workloadOf(record), null);
  assert.deepEqual(node.reads, [1]);
  node.groups.set(7n, service('late'));
  assert.equal(table.workloadOf(record)?.unit, 'late.service');
  node.groups.clear();
  assert.equal(table.workloadOf(record)?.unit, 'late.service', 'the group may be removed');
});

test('a path from inside of a namespace is replaced by that from the root, as soon as it is known', () => {
  const node = new Node();
  const id = '3f1c'.repeat(16);
  node.processes.set(1, `/../cri-containerd-${id}.scope`);
  const table = node.table();
  const record = createRecord({ owner: owner(1, { cgroupId: 7n }) });
  assert.equal(table.workloadOf(record)?.containerId, id);
  node.groups.set(7n, `/kubepods/pod${'0a'.repeat(16)}/cri-containerd-${id}.scope`);
  assert.equal(table.workloadOf(record)?.podUid, '0a'.repeat(16));
});

test('the root is that of a namespace where the group has another path', () => {
  const node = new Node();
  node.processes.set(1, '/');
  const table = node.table();
  const record = createRecord({ owner: owner(1, { cgroupId: 7n }) });
  assert.equal(table.workloadOf(record)?.cgroup, '/');
  node.groups.set(7n, '/');
  assert.equal(table.workloadOf(record)?.cgroup, '/', 'it is the root indeed');
  node.groups.set(7n, service('stuckd'));
  assert.equal(table.workloadOf(record)?.unit, 'stuckd.service');
});

test('the group of a creator is remembered when it is removed', () => {
  const node = new Node();
  node.groups.set(9n, service('creator'));
  const table = node.table();
  const record = createRecord({ ownerType: 'orphan', owner: null, creatorCgroupId: 9n });
  node.records.change('opened', record);
  node.groups.clear();
  assert.equal(table.workloadOf(record)?.unit, 'creator.service');
});

test('the root of cgroup v2 says nothing: with v1 beside it all processes are there', () => {
  const node = new Node();
  node.groups.set(1n, '/');
  const record = createRecord({ ownerType: 'orphan', owner: null, creatorCgroupId: 1n });
  assert.equal(node.table().workloadOf(record), null);
});

test('a record keeps its workload however many processes came after', () => {
  const node = new Node();
  const table = node.table(2);
  const records = [1, 2, 3, 4].map((pid) => {
    node.processes.set(pid, service(`s${pid}`));
    return createRecord({ owner: owner(pid) });
  });
  for (const record of records) {
    node.records.change('opened', record);
  }
  node.processes.clear();
  assert.deepEqual(
    records.map((record) => table.workloadOf(record)?.unit),
    ['s1.service', 's2.service', 's3.service', 's4.service'],
  );
});

test('names of pods are those of now', () => {
  const node = new Node();
  node.processes.set(1, service('web'));
  const table = node.table();
  const record = createRecord({ owner: owner(1) });
  assert.equal(table.workloadOf(record)?.pod, '');
  node.podName = 'web-1';
  assert.equal(table.workloadOf(record)?.pod, 'web-1');
});

test('after stop() nothing is learnt', () => {
  const node = new Node();
  const table = node.table();
  table.stop();
  node.records.change('opened', createRecord({ owner: owner(1) }));
  assert.deepEqual([node.reads, node.records.listeners], [[], 0]);
});

test('a bounded cache lets go of what was not asked for longest', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3);
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3]);
  cache.set('c', 4);
  assert.deepEqual([cache.get('a'), cache.get('c')], [1, 4], 'what is set anew takes no room of another');
});
