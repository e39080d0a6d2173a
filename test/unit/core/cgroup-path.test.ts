/**
 * Proves which container, pod and unit the path of a control group means, for the ways in which runtimes and systemd name
 * groups, which line of /proc/PID/cgroup is believed, and that a container cannot pass for another by the names of groups
 * below its own. The paths are written after what these programs do; that a running kernel shows them so is for the kernel
 * tests.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { workloadOfCgroupPath, workloadOfProcessCgroup } from '../../../daemon/core/cgroup-path.js';
import type { Workload } from '../../../daemon/core/workload.js';

const ID = '3f1c'.repeat(16);
const OTHER_ID = '0b2d'.repeat(16);
const UID = '5a6b7c8d-0123-4567-89ab-cdef01234567';
const UID_SLICE = UID.replaceAll('-', '_');
const OTHER_UID = 'ffffffff-0123-4567-89ab-cdef01234567';
/** Of a static pod: a hash of its manifest. */
const HASH_UID = '8c3e0a1b2d4f5e6a7b8c9d0e1f2a3b4c';

type Expected = Partial<Pick<Workload, 'containerId' | 'containerRuntime' | 'podUid' | 'unit'>>;

function told({ containerId, containerRuntime, podUid, unit }: Workload): Expected {
  return { containerId, containerRuntime, podUid, unit };
}

const NOTHING = { containerId: '', containerRuntime: '', podUid: '', unit: '' };
const CONTAINERD = { containerId: ID, containerRuntime: 'containerd', podUid: UID };
const CRIO = { containerId: ID, containerRuntime: 'cri-o', podUid: UID };
/** The runtime does not show in a bare id. */
const BARE = { containerId: ID, podUid: UID };

const systemdPod = (qos: string, uid = UID_SLICE): string =>
  qos === ''
    ? `/kubepods.slice/kubepods-pod${uid}.slice`
    : `/kubepods.slice/kubepods-${qos}.slice/kubepods-${qos}-pod${uid}.slice`;
const DOCKER_SCOPE = `/system.slice/docker-${ID}.scope`;

describe('the path of a control group', () => {
  const table: readonly [string, string, Expected][] = [
    // Kubernetes, systemd driver.
    ['containerd, burstable', `${systemdPod('burstable')}/cri-containerd-${ID}.scope`, CONTAINERD],
    ['containerd, best effort', `${systemdPod('besteffort')}/cri-containerd-${ID}.scope`, CONTAINERD],
    ['containerd, guaranteed', `${systemdPod('')}/cri-containerd-${ID}.scope`, CONTAINERD],
    ['CRI-O', `${systemdPod('burstable')}/crio-${ID}.scope`, CRIO],
    ['CRI-O, its inner group', `${systemdPod('burstable')}/crio-${ID}.scope/container`, CRIO],
    ['the monitor of a CRI-O container', `${systemdPod('burstable')}/crio-conmon-${ID}.scope`, { podUid: UID }],
    ['dockershim', `${systemdPod('burstable')}/docker-${ID}.scope`, { ...BARE, containerRuntime: 'docker' }],
    ['a pod without a container', systemdPod('burstable'), { podUid: UID }],
    [
      'a static pod',
      `${systemdPod('burstable', HASH_UID)}/cri-containerd-${ID}.scope`,
      { ...CONTAINERD, podUid: HASH_UID },
    ],
    [
      'a root group of the kubelet',
      `/lab.slice/lab-kubepods.slice/lab-kubepods-pod${UID_SLICE}.slice/crio-${ID}.scope`,
      CRIO,
    ],
    ['groups that the container made', `${systemdPod('')}/cri-containerd-${ID}.scope/init.scope/a`, CONTAINERD],
    // Kubernetes, cgroupfs driver.
    ['cgroupfs, burstable', `/kubepods/burstable/pod${UID}/${ID}`, BARE],
    ['cgroupfs, best effort', `/kubepods/besteffort/pod${UID}/${ID}`, BARE],
    ['cgroupfs, guaranteed', `/kubepods/pod${UID}/${ID}`, BARE],
    ['cgroupfs, CRI-O', `/kubepods/burstable/pod${UID}/crio-${ID}`, CRIO],
    ['cgroupfs, static pod', `/kubepods/burstable/pod${HASH_UID}/${ID}`, { ...BARE, podUid: HASH_UID }],
    [
      'drivers that disagree',
      `/system.slice/containerd.service/kubepods-burstable-pod${UID_SLICE}.slice:cri-containerd:${ID}`,
      CONTAINERD,
    ],
    // From inside of a cgroup namespace.
    [
      'another pod, from inside of one',
      `/../../${systemdPod('burstable').split('/')[3] ?? ''}/cri-containerd-${ID}.scope`,
      CONTAINERD,
    ],
    ['another pod, cgroupfs', `/../../pod${UID}/${ID}`, BARE],
    [
      'a neighbour in the same pod',
      `/../cri-containerd-${ID}.scope`,
      { containerId: ID, containerRuntime: 'containerd' },
    ],
    ['a service, from inside of a pod', '/../../../../system.slice/nginx.service', { unit: 'nginx.service' }],
    // Nodes that are containers themselves.
    ['kind, cgroupfs', `/docker/${OTHER_ID}/kubelet/kubepods/burstable/pod${UID}/${ID}`, BARE],
    [
      'kind, systemd',
      `/system.slice/docker-${OTHER_ID}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UID_SLICE}.slice/cri-containerd-${ID}.scope`,
      CONTAINERD,
    ],
    [
      'a service of a kind node',
      `/docker/${ID}/system.slice/containerd.service`,
      { containerId: ID, containerRuntime: 'docker' },
    ],
    ['Docker in a pod', `/kubepods/burstable/pod${UID}/${ID}/docker/${OTHER_ID}`, BARE],
    // Containers without Kubernetes.
    ['Docker, cgroupfs', `/docker/${ID}`, { containerId: ID, containerRuntime: 'docker' }],
    ['Docker, systemd', DOCKER_SCOPE, { containerId: ID, containerRuntime: 'docker' }],
    ['Docker below a group of its own', `/jobs/${ID}`, { containerId: ID }],
    ['nerdctl', `/system.slice/nerdctl-${ID}.scope`, { containerId: ID, containerRuntime: 'containerd' }],
    ['Podman', `/machine.slice/libpod-${ID}.scope/container`, { containerId: ID, containerRuntime: 'podman' }],
    ['Podman, cgroupfs', `/libpod_parent/libpod-${ID}`, { containerId: ID, containerRuntime: 'podman' }],
    [
      'a pod of Podman, cgroupfs',
      `/libpod_parent/${OTHER_ID}/libpod-${ID}`,
      { containerId: ID, containerRuntime: 'podman' },
    ],
    ['the monitor of such a pod', `/libpod_parent/${OTHER_ID}/conmon`, {}],
    [
      'a pod of Podman',
      `/machine.slice/machine-libpod_pod_${OTHER_ID}.slice/libpod-${ID}.scope`,
      { containerId: ID, containerRuntime: 'podman' },
    ],
    [
      'Podman as a service',
      `/system.slice/web.service/libpod-payload-${ID}`,
      { containerId: ID, containerRuntime: 'podman', unit: 'web.service' },
    ],
    [
      'Podman of a user',
      `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
      { containerId: ID, containerRuntime: 'podman', unit: 'user@1000.service' },
    ],
    [
      'the monitor of a Podman container',
      `/machine.slice/libpod-conmon-${ID}.scope`,
      { unit: `libpod-conmon-${ID}.scope` },
    ],
    ['LXC', '/lxc/web', { containerId: 'web', containerRuntime: 'lxc' }],
    [
      'LXC, cgroup v2',
      '/lxc.payload.web-1/system.slice/nginx.service',
      { containerId: 'web-1', containerRuntime: 'lxc' },
    ],
    ['LXC, other layout', '/lxc.payload/web/init.scope', { containerId: 'web', containerRuntime: 'lxc' }],
    ['the monitor of an LXC container', '/lxc.monitor.web', {}],
    // systemd.
    ['a service', '/system.slice/nginx.service', { unit: 'nginx.service' }],
    ['a group below a service', '/system.slice/docker.service/x', { unit: 'docker.service' }],
    ['an instance', '/system.slice/system-getty.slice/getty@tty1.service', { unit: 'getty@tty1.service' }],
    ['an escaped name', '/system.slice/dev-disk\\x2dby.mount', { unit: 'dev-disk\\x2dby.mount' }],
    ['a name that systemd escaped', '/system.slice/_cpu.service', { unit: 'cpu.service' }],
    ['a session', '/user.slice/user-1000.slice/session-3.scope', { unit: 'session-3.scope' }],
    [
      'a unit of a user, who may call it what he likes',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service',
      { unit: 'user@1000.service' },
    ],
    ['systemd itself', '/init.scope', { unit: 'init.scope' }],
    ['systemd-nspawn', '/machine.slice/systemd-nspawn@web.service/payload', { unit: 'systemd-nspawn@web.service' }],
    ['a slice only', '/system.slice', {}],
    // Neither.
    ['the root', '/', {}],
    ['a group of somebody', '/batch/job-17', {}],
    ['an id that is too short', `/docker/${ID.slice(1)}`, {}],
    ['an id that is too long', `/docker/${ID}0`, {}],
    ['an id in capitals', `/docker/${ID.toUpperCase()}`, {}],
    ['a uid with both separators', `/kubepods/pod${UID.replace('-', '_')}/x`, {}],
    ['a unit that is not below slices', '/batch/nginx.service', {}],
  ];
  for (const [name, path, expected] of table) {
    test(name, () => {
      const workload = workloadOfCgroupPath(path);
      assert.deepEqual(told(workload), { ...NOTHING, ...expected });
      assert.equal(workload.cgroup, path);
      assert.deepEqual(
        [workload.pod, workload.podNamespace, workload.container, workload.podLabels.size],
        ['', '', '', 0],
      );
    });
  }

  test('a group that was removed keeps its meaning', () => {
    const workload = workloadOfCgroupPath(`${DOCKER_SCOPE} (deleted)`);
    assert.equal(workload.containerId, ID);
    assert.equal(workload.cgroup, DOCKER_SCOPE);
  });
});

describe('a container that names groups after others', () => {
  const own = `/kubepods/burstable/pod${UID}/${ID}`;
  const forged: readonly [string, string][] = [
    ['another pod', `/kubepods/besteffort/pod${OTHER_UID}/${OTHER_ID}`],
    ['another container', `/cri-containerd-${OTHER_ID}.scope`],
    ['a unit', '/system.slice/postgresql.service'],
  ];
  for (const [name, below] of forged) {
    test(`does not pass for ${name}`, () => {
      assert.deepEqual(told(workloadOfCgroupPath(own + below)), { ...NOTHING, ...BARE });
    });
  }

  test('a service does not pass for another either', () => {
    const { unit } = workloadOfCgroupPath('/system.slice/web.service/system.slice/postgresql.service');
    assert.equal(unit, 'web.service');
  });
});

describe('/proc/PID/cgroup', () => {
  const pod = `${systemdPod('burstable')}/cri-containerd-${ID}.scope`;
  const table: readonly [string, string, string | null][] = [
    ['cgroup v2', `0::${pod}\n`, pod],
    ['cgroup v1', `12:pids:${pod}\n4:cpu,cpuacct:${pod}\n1:name=systemd:${pod}\n`, pod],
    ['hybrid, all of v2 in the root', `9:name=systemd:/\n4:memory:${pod}\n1:cpu:/\n0::/\n`, pod],
    [
      'hybrid, only a named hierarchy is kept',
      '4:memory:/\n1:name=systemd:/system.slice/a.service\n0::/\n',
      '/system.slice/a.service',
    ],
    ['a container beats a unit', `1:name=systemd:/system.slice/a.service\n4:memory:/docker/${ID}\n`, `/docker/${ID}`],
    ['a pod beats a unit', `0::/system.slice/a.service\n4:cpu,cpuacct:${systemdPod('')}\n`, systemdPod('')],
    ['a unit beats a group', '4:memory:/jobs/7\n1:name=systemd:/system.slice/a.service\n', '/system.slice/a.service'],
    ['of two of a kind, that of cgroup v2', '4:memory:/docker/x\n1:name=systemd:/y\n0::/z\n', '/z'],
    ['the order of lines does not matter', '0::/z\n1:name=systemd:/y\n', '/z'],
    ['a colon in a path', '0::/kubepods/a:b:c\n', '/kubepods/a:b:c'],
    ['the root everywhere', '4:memory:/\n0::/\n', '/'],
    ['nothing', '', null],
    ['something else', 'hello\n1:\n0:\n:::\n0::relative\n', null],
  ];
  for (const [name, text, cgroup] of table) {
    test(name, () => {
      assert.equal(workloadOfProcessCgroup(text)?.cgroup ?? null, cgroup);
    });
  }

  test('lines beyond any number that a kernel has are left out', () => {
    const many = Array.from({ length: 100_000 }, (_, index) => `${index}:c${index}:/${'x/'.repeat(20)}`).join('\n');
    assert.equal(workloadOfProcessCgroup(`${many}\n0::/docker/${ID}\n`)?.containerId, '');
  });
});

test('any text is read without harm: what comes out is bounded and clean', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc
      .array(fc.constantFrom('/', '..', 'pod', UID, ID, '-', '.slice', '.scope', 'lxc/', '\u001b[2J', ':', ' ', 'é'), {
        maxLength: 60,
      })
      .map((parts) => parts.join('')),
    fc.string({ unit: fc.constantFrom('a', '/', '-', '\\', '0'), minLength: 5000, maxLength: 20_000 }),
  );
  fc.assert(
    fc.property(hostile, (path) => {
      const { cgroup, containerId, podUid, unit } =
        workloadOfProcessCgroup(`0::/${path}`) ?? workloadOfCgroupPath(path);
      assert.ok(cgroup.length <= 1024);
      assert.match(containerId, /^(?:[\w.-]{1,128})?$/);
      assert.match(podUid, /^[0-9a-f-]{0,36}$/);
      assert.match(unit, /^(?:[\w:.\\@-]{1,257})?$/);
    }),
  );
});
