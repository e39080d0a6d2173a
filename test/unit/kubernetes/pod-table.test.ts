// Proves which pod and container a workload gets the names of, also for init containers, containers that were replaced and
// static pods, that names outlive the pod, and that the table is bounded.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { workloadOfCgroupPath } from '../../../daemon/core/cgroup-path.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { parsePod, type PodFacts } from '../../../daemon/kubernetes/pod-facts.js';
import { PodTable } from '../../../daemon/kubernetes/pod-table.js';
import { containerId, createPod, podUid } from './sample-pods.js';

function facts(object: unknown): PodFacts {
  const pod = parsePod(object);
  assert.ok(pod !== null);
  return pod;
}

function inPod(uid: string, container: string): Workload {
  return workloadOfCgroupPath(`/kubepods/burstable/pod${uid}/${container}`);
}

function inContainer(container: string): Workload {
  return workloadOfCgroupPath(`/../cri-containerd-${container}.scope`);
}

function names({ podNamespace, pod, container }: Workload): string {
  return `${podNamespace}/${pod}/${container}`;
}

describe('the names of a workload', () => {
  const status = {
    containerStatuses: [
      {
        name: 'app',
        containerID: `cri-o://${containerId(0x11)}`,
        lastState: { terminated: { containerID: `cri-o://${containerId(0x12)}` } },
      },
      { name: 'starting' },
    ],
    initContainerStatuses: [
      {
        name: 'init',
        containerID: `cri-o://${containerId(0x13)}`,
        state: { terminated: { containerID: `cri-o://${containerId(0x13)}` } },
      },
    ],
    ephemeralContainerStatuses: [{ name: 'debugger', containerID: `cri-o://${containerId(0x14)}` }],
  };
  const table = new PodTable();
  table.put(facts(createPod(1, { status })));
  table.put(facts(createPod(2)));
  const hash = 'ab'.repeat(16);
  // Anybody who may create pods may write the annotation of the second one.
  for (const [number, uid] of [
    [3, hash],
    [4, hash],
    [5, podUid(2)],
  ] as const) {
    const mirror = createPod(number);
    const annotations = { 'kubernetes.io/config.hash': uid };
    table.put(facts({ ...mirror, metadata: { ...mirror.metadata, annotations } }));
  }
  const cases: readonly [string, Workload, string][] = [
    ['a container', inPod(podUid(1), containerId(0x11)), 'shop/web-1/app'],
    ['the container before a restart', inPod(podUid(1), containerId(0x12)), 'shop/web-1/app'],
    ['an init container', inPod(podUid(1), containerId(0x13)), 'shop/web-1/init'],
    ['an ephemeral container', inPod(podUid(1), containerId(0x14)), 'shop/web-1/debugger'],
    ['a container that the API does not show yet', inPod(podUid(1), containerId(0x99)), 'shop/web-1/'],
    ['a container whose pod does not show in the path', inContainer(containerId(0x11)), 'shop/web-1/app'],
    ['a static pod, by the hash of its manifest', inPod(hash, containerId(3)), 'shop/web-3/app'],
    ['a static pod whose containers the API does not show yet', inPod(hash, containerId(0x98)), '//'],
    ['a static pod, by a container of another hash', inPod('cd'.repeat(16), containerId(3)), '//'],
    ['a pod whose uid somebody gave as a hash', inPod(podUid(2), containerId(5)), 'shop/web-2/'],
    ['another pod that shows the id of a container', inPod(podUid(2), containerId(0x11)), 'shop/web-2/'],
    ['a pod that is not known, in spite of the id of a container', inPod(podUid(9), containerId(0x11)), '//'],
    ['a container that is not known', inContainer(containerId(0x99)), '//'],
    ['no container', workloadOfCgroupPath('/system.slice/nginx.service'), '//'],
  ];
  for (const [name, workload, expected] of cases) {
    test(name, () => {
      assert.equal(names(table.withNames(workload)), expected);
    });
  }

  test('come with uid, labels and runtime where the path does not tell', () => {
    const named = table.withNames(inContainer(containerId(0x11)));
    assert.equal(named.podUid, podUid(1));
    assert.deepEqual([...named.podLabels], [['app', 'web']]);
    assert.equal(named.containerRuntime, 'containerd', 'of the path');
    assert.equal(table.withNames(inPod(podUid(1), containerId(0x11))).containerRuntime, 'cri-o', 'of the API');
  });

  test('are one object while nothing changes', () => {
    const workload = inPod(podUid(2), containerId(2));
    assert.equal(table.withNames(workload), table.withNames(workload));
  });
});

test('a pod that is deleted had a name: what was named keeps it, what comes later has none', () => {
  const table = new PodTable();
  table.put(facts(createPod(1)));
  const workload = inPod(podUid(1), containerId(1));
  assert.equal(names(table.withNames(workload)), 'shop/web-1/app');
  table.delete(podUid(1));
  assert.equal(names(table.withNames(workload)), 'shop/web-1/app');
  assert.equal(names(table.withNames(inPod(podUid(1), containerId(1)))), '//');
  assert.equal(table.size, 0);
});

test('a change replaces what was known before, a list everything', () => {
  const table = new PodTable();
  table.put(facts(createPod(1)));
  const labels = { app: 'web', tier: 'front' };
  const before = createPod(1);
  const status = { containerStatuses: [{ name: 'app', containerID: `containerd://${containerId(7)}` }] };
  table.put(facts({ ...before, metadata: { ...before.metadata, labels }, status }));
  assert.equal(names(table.withNames(inContainer(containerId(1)))), '//');
  assert.equal(table.withNames(inContainer(containerId(7))).podLabels.get('tier'), 'front');
  table.replace([facts(createPod(2))]);
  assert.equal(names(table.withNames(inContainer(containerId(7)))), '//');
  assert.equal(names(table.withNames(inContainer(containerId(2)))), 'shop/web-2/app');
});

test('what finds no room is counted until it finds it, when another goes, or is gone', () => {
  const table = new PodTable(2);
  table.replace([1, 2, 3, 4].map((number) => facts(createPod(number))));
  table.put(facts(createPod(3)));
  assert.deepEqual([table.size, table.refused], [2, 2]);
  table.delete(podUid(1));
  assert.deepEqual([table.size, table.refused], [1, 2], 'nobody has told of them again');
  table.put(facts(createPod(3)));
  assert.equal(names(table.withNames(inContainer(containerId(3)))), 'shop/web-3/app');
  assert.deepEqual([table.size, table.refused], [2, 1]);
  table.delete(podUid(4));
  assert.equal(table.refused, 0);
});

test('of a pod no more is kept than a pod can have', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => index);
  const pod = createPod(1);
  const labels = Object.fromEntries(many.map((index) => [`l${index}`, 'x']));
  const containerStatuses = many.map((index) => ({ name: 'x', containerID: `containerd://${index}` }));
  const kept = facts({ ...pod, metadata: { ...pod.metadata, labels }, status: { containerStatuses } });
  const length = [...kept.labels].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  assert.ok(length > 4000 && length <= 4096, `${length}`);
  assert.equal(kept.containers.length, 256);
});

test('whatever stands in place of a pod is a pod or null, never an exception', () => {
  assert.equal(parsePod({ kind: 'Status' }), null);
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (metadata, status) => {
      parsePod({ metadata, status });
      parsePod({ ...createPod(1), status });
    }),
  );
});
