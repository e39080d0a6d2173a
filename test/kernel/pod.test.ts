// Proves that the pod of deploy/kubernetes works with what its manifest gives it and nothing else: the containers are run from
// what the image ships, with exactly the users, groups, capabilities, mounts, environment and arguments that are written
// there, in the namespaces of a pod. The sensor as root with two capabilities and the daemon as nobody in particular find each
// other over the shared volume, and a black hole in another network namespace with its process and its pod, though the
// daemon sees control groups from inside of its own. Neither can do what it should not; what is stuck keeps its id when the
// pod is replaced; a sensor without its capabilities polls and says so, and a pod without the processes
// of its node says that.
// It cannot prove what a container runtime adds: profiles of seccomp and AppArmor, limits of memory. The base image is
// replaced by this machine's Node.js, and there is no API server.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';
import { createAuthority } from '../support/certificates.js';
import { cgroup2Mount, cgroupSkipReason, TestCgroup } from '../support/cgroups.js';
import { createImageRoot, IMAGE_NODE } from '../support/kubernetes/image-root.js';
import {
  kustomizationPath,
  kustomizeSkipReason,
  onlyOf,
  readResources,
  renderManifests,
} from '../support/kubernetes/manifests.js';
import { startNonroot } from '../support/kubernetes/nonroot.js';
import { PodUnderTest, RUNTIME_TOOL } from '../support/kubernetes/pod.js';
import type { VolumeSources } from '../support/kubernetes/volumes.js';
import { createTwoHosts, type Ending, labSkipReason, SERVER_ADDRESS, type TwoHosts, waitFor } from '../support/lab.js';
import { packageRoot } from '../support/package-root.js';
import { BPF_AND_PERFMON, processStatus } from '../support/process-status.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { Sockprog } from '../support/sockprog.js';
import type { StuckJson } from '../support/stuckd.js';
import { suiteEnding } from '../support/suite-ending.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { containerId, podGroup, podUid } from '../unit/kubernetes/sample-pods.js';

const mount = cgroup2Mount();
const skip = notPolled(NEEDS_BPF.privileges) || labSkipReason() || cgroupSkipReason(mount);

/** As kustomize makes it; as it is written, where there is none. The two differ in names and labels. */
const base = kustomizeSkipReason === false ? renderManifests(kustomizationPath('base')) : readResources('base');

const GROUP = 973_500;
const DAEMON = 973_500;
const NODE_NAME = 'node-17';
const POD_ADDRESS = '10.78.0.1';
const STATE = '/var/lib/stuckd-kubernetes';
const PORT = 8000;

interface Stage extends TwoHosts {
  /** The network of the pod, and of whoever asks it: the kubelet, or Prometheus. */
  readonly podNetwork: LabNamespace;
  readonly kubelet: LabNamespace;
  /** The directory of the node in which the state of its pods is. */
  readonly state: string;
  /** Makes one more pod, with the same state on the node. */
  readonly createPod: () => PodUnderTest;
}

/** @param secrets values of Secrets, by their names. */
async function setStage(
  test: Ending,
  imageRoot: string,
  manifests = base,
  secrets: VolumeSources['secrets'] = {},
): Promise<Stage> {
  const pods: PodUnderTest[] = [];
  // First of all: their control group, and what they write to, can only be removed after them.
  test.after(() => Promise.all(pods.map((pod) => pod.stop())));
  const hosts = await createTwoHosts(test);
  const podNetwork = await hosts.lab.addNamespace('pod');
  const kubelet = await hosts.lab.addNamespace('kubelet');
  await hosts.lab.link(
    { namespace: podNetwork, addresses: [`${POD_ADDRESS}/24`] },
    { namespace: kubelet, addresses: ['10.78.0.2/24'] },
  );
  const state = mkdtempSync(join(tmpdir(), 'stuckd-node-'));
  test.after(() => {
    rmSync(state, { recursive: true, force: true });
  });
  const group = new TestCgroup(test, mount ?? '', podGroup(1));
  const { spec } = onlyOf(manifests, 'DaemonSet').spec.template;
  const { data, metadata } = onlyOf(manifests, 'ConfigMap');
  const createPod = (): PodUnderTest => {
    const pod = new PodUnderTest(test, {
      ...{ spec, imageRoot, network: podNetwork, name: 'stuckd-x7k2p' },
      fields: { 'spec.nodeName': NODE_NAME },
      cgroupProcs: join(mount ?? '', group.path, 'cgroup.procs'),
      ...{ configMaps: { [metadata.name]: data }, secrets },
      hostPaths: { [STATE]: state },
    });
    pods.push(pod);
    return pod;
  };
  return { ...hosts, podNetwork, kubelet, state, createPod };
}

/** Runs the container to its end. */
async function endOf(container: ManagedProcess): Promise<{ readonly code: number | null; readonly output: string }> {
  const { code } = await container.ended;
  return { code, output: [...container.lines, container.stderrTail].join('\n') };
}

/** What the kubelet gets for a probe of the manifest; status 0 if nobody answers. */
async function probe(
  { lab, kubelet }: Stage,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  const program = `
    const answer = (status, body) => console.log(JSON.stringify({ status, body }));
    fetch(process.argv[1]).then(async (response) => answer(response.status, await response.text()), () => answer(0, ''));
  `;
  const { containers } = onlyOf(base, 'DaemonSet').spec.template.spec;
  const port = containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === 'http')?.containerPort;
  const url = `http://${POD_ADDRESS}:${port ?? ''}${path}`;
  return JSON.parse(await lab.run(kubelet, [process.execPath, '-e', program, url])) as Awaited<
    ReturnType<typeof probe>
  >;
}

/** Its container of the sensor with one capability less. */
function withoutBpf(pod: PodUnderTest): ReturnType<PodUnderTest['container']> {
  const sensor = pod.container('sensor');
  const capabilities = { ...sensor.securityContext.capabilities, add: ['PERFMON'] };
  return { ...sensor, securityContext: { ...sensor.securityContext, capabilities } };
}

/** Waits for the answer of a probe. */
async function waitProbe(stage: Stage, container: ManagedProcess, path: string, status: number): Promise<string> {
  const answer = await waitFor(
    async () => {
      assert.ok(container.running, [...container.lines, container.stderrTail].join('\n'));
      const answer = await probe(stage, path);
      return answer.status === status && answer;
    },
    { what: `${path} to answer ${status}` },
  );
  return answer.body;
}

/** A pod whose state directory is ready for the daemon. */
async function preparePod(stage: Stage): Promise<PodUnderTest> {
  const pod = stage.createPod();
  const { code, output } = await endOf(pod.start('state-directory'));
  assert.equal(code, 0, output);
  return pod;
}

interface RunningPod {
  readonly pod: PodUnderTest;
  readonly sensor: ManagedProcess;
  readonly daemon: ManagedProcess;
}

/** A pod that is ready. */
async function startPod(stage: Stage): Promise<RunningPod> {
  const pod = await preparePod(stage);
  const sensor = pod.start('sensor');
  const daemon = pod.start('daemon');
  await waitProbe(stage, daemon, '/readyz', 200);
  return { pod, sensor, daemon };
}

interface StuckctlAnswer {
  readonly stuckConnections?: readonly StuckJson[];
  readonly node?: { readonly hostname: string };
  readonly sensor?: { readonly capabilities: readonly string[]; readonly pid: number };
  readonly problems?: readonly string[];
}

/** `kubectl exec daemonset/stuckd -- stuckctl ...` */
async function stuckctl(pod: PodUnderTest, daemon: ManagedProcess, ...args: string[]): Promise<StuckctlAnswer> {
  const { code, stdout, stderr } = await pod.exec('daemon', daemon, ['stuckctl', ...args, '-o', 'json']);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as StuckctlAnswer;
}

/** Makes a connection of a process in a pod of its own get stuck. */
async function becomeStuck(
  test: Ending,
  { lab, client, server, link }: Stage,
): Promise<{ readonly using: Sockprog; readonly group: TestCgroup }> {
  const serving = await Sockprog.start(lab, server);
  await serving.command(`listen l ${SERVER_ADDRESS} ${PORT}`);
  const using = await Sockprog.start(lab, client);
  const group = new TestCgroup(test, mount ?? '', podGroup(2));
  group.add(using.pid);
  await using.connect('a', SERVER_ADDRESS, PORT);
  await link.cut();
  await using.command('send a 1000');
  return { using, group };
}

function assertRights(pid: number, uid: number, capabilities: bigint): void {
  const status = processStatus(pid);
  assert.deepEqual(status.uids, Array(4).fill(uid));
  assert.deepEqual(status.gids, Array(4).fill(GROUP));
  assert.deepEqual(status.groups, [GROUP]);
  assert.ok(status.noNewPrivs);
  const { permitted, effective, bounding, inheritable, ambient } = status;
  assert.deepEqual(
    { permitted, effective, bounding, inheritable, ambient },
    { permitted: capabilities, effective: capabilities, bounding: capabilities, inheritable: 0n, ambient: 0n },
  );
}

/** What a program in the container gets for an attempt: "done", or the code of an error. */
async function attempt(pod: PodUnderTest, name: string, container: ManagedProcess, code: string): Promise<string> {
  const program = `try { ${code}; console.log('done'); } catch (error) { console.log(error.code); }`;
  const { stdout, stderr } = await pod.exec(name, container, [
    IMAGE_NODE,
    '-e',
    `const fs = require('fs'); ${program}`,
  ]);
  assert.equal(stderr, '');
  return stdout.trim();
}

/** Mount points of a container, but for the devices and what is below a mount of the manifest. */
function mountPointsOf({ pid }: ManagedProcess): readonly string[] {
  const points = readFileSync(`/proc/${pid}/mounts`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return points.filter((point) => point !== '' && !/^\/(dev|host\/sys\/fs\/cgroup)\/./.test(point)).sort();
}

describe('the pod as it is shipped', { skip }, () => {
  const ending = suiteEnding();
  let imageRoot = '';
  before(() => {
    imageRoot = createImageRoot(ending, [RUNTIME_TOOL]);
  });

  test('finds a black hole of another pod, and again in the next pod', async (t) => {
    const stage = await setStage(t, imageRoot);
    const pod = await preparePod(stage);
    const daemon = pod.start('daemon');
    await waitProbe(stage, daemon, '/healthz', 200);
    assert.match(await waitProbe(stage, daemon, '/readyz', 503), /sensor/);
    const sensor = pod.start('sensor');
    await waitProbe(stage, daemon, '/readyz', 200);

    const status = await stuckctl(pod, daemon, 'status');
    assert.deepEqual(status.problems ?? [], []);
    assert.deepEqual(status.sensor?.capabilities, ['CAP_PERFMON', 'CAP_BPF']);
    assert.equal(status.node?.hostname, NODE_NAME);
    assertRights(sensor.pid, 0, BPF_AND_PERFMON);
    assertRights(status.sensor.pid, 0, BPF_AND_PERFMON);
    assertRights(daemon.pid, DAEMON, 0n);
    const check = await pod.exec('sensor', sensor, ['stuckd-sensor', '--check']);
    assert.equal(check.code, 0, check.stdout + check.stderr);

    const { using, group } = await becomeStuck(t, stage);
    const owned = await waitFor(
      async () => {
        const filter = ['--netns', String(stage.client.inode)];
        const [found] = (await stuckctl(pod, daemon, 'list', ...filter)).stuckConnections ?? [];
        // From inside of its own group the daemon sees a part of the path; the mounted hierarchy tells all of it.
        return found?.workload?.cgroup === group.path && found;
      },
      { what: 'the connection, with the control group that holds it' },
    );
    assert.equal(owned.kind, 'STUCK_KIND_RETRANSMITTING');
    assert.equal(owned.owner?.pid, using.pid);
    assert.equal(owned.owner.comm, 'sockprog');
    assert.equal(owned.workload?.containerId, containerId(2));
    assert.equal(owned.workload.podUid, podUid(2));

    await pod.stop();
    const next = await startPod(stage);
    const { stuckConnections: again = [] } = await stuckctl(next.pod, next.daemon, 'list');
    assert.ok(
      again.some(({ id }) => id === owned.id),
      'the record has its id in the next pod',
    );
  });

  test('neither container can do what it should not', async (t) => {
    const stage = await setStage(t, imageRoot);
    const { pod, sensor, daemon } = await startPod(stage);

    for (const [container, { volumeMounts }] of [
      [sensor, pod.container('sensor')],
      [daemon, pod.container('daemon')],
    ] as const) {
      const points = ['/', '/dev', '/proc', '/sys', ...volumeMounts.map(({ mountPath }) => mountPath)];
      assert.deepEqual(mountPointsOf(container), points.sort());
    }

    const inDaemon = (code: string): Promise<string> => attempt(pod, 'daemon', daemon, code);
    for (const path of ['/x', '/tmp/x', '/opt/stuckd/x', '/etc/stuckd/x', '/run/stuckd-sensor/x']) {
      assert.equal(await inDaemon(`fs.writeFileSync('${path}', '')`), 'EROFS', path);
    }
    assert.equal(await inDaemon(`fs.writeFileSync('/var/lib/stuckd/x', '')`), 'done');
    assert.match(await inDaemon(`fs.mkdirSync('/host/sys/fs/cgroup/x')`), /^(EROFS|EACCES)$/);
    assert.equal(await inDaemon(`fs.readlinkSync('/proc/${process.pid}/exe')`), 'EACCES', 'what needs CAP_SYS_PTRACE');
    assert.equal(await inDaemon(`process.kill(${sensor.pid}, 0)`), 'EPERM');
    const { pid: stranger } = await startNonroot(t);
    assert.equal(await inDaemon(`process.kill(${stranger}, 0)`), 'EPERM', 'a user of its own');
    assert.equal(await inDaemon(`fs.readFileSync('/proc/${stranger}/environ')`), 'EACCES', 'a user of its own');

    const inSensor = (code: string): Promise<string> => attempt(pod, 'sensor', sensor, code);
    assert.equal(await inSensor(`fs.writeFileSync('/x', '')`), 'EROFS');
    assert.equal(await inSensor(`fs.chownSync('/run/stuckd-sensor/sensor.sock', 1, 1)`), 'EPERM', 'no CAP_CHOWN');
    assert.equal(await inSensor(`process.kill(${daemon.pid}, 0)`), 'EPERM', 'no CAP_KILL');
    assert.equal(await inSensor(`process.setuid(1)`), 'EPERM', 'no CAP_SETUID');
    assert.equal(await inSensor(`fs.readlinkSync('/proc/${process.pid}/exe')`), 'EACCES', 'no CAP_SYS_PTRACE');
    // The README says so: root may signal root.
    assert.equal(await inSensor(`process.kill(${process.pid}, 0)`), 'done');
  });

  test('a state directory that an administrator made for the daemon is left as it is, and serves', async (t) => {
    const stage = await setStage(t, imageRoot);
    chownSync(stage.state, DAEMON, DAEMON);
    chmodSync(stage.state, 0o700);
    await startPod(stage);
    const { uid, gid, mode } = statSync(stage.state);
    assert.deepEqual({ uid, gid, mode: mode & 0o7777 }, { uid: DAEMON, gid: DAEMON, mode: 0o700 });
    assert.notDeepEqual(readdirSync(stage.state), [], 'the daemon has written to it');
  });

  test('without hostPID the pod is ready, and says what it cannot see', async (t) => {
    const withoutHostPid = structuredClone(base);
    Object.assign(onlyOf(withoutHostPid, 'DaemonSet').spec.template.spec, { hostPID: false });
    const stage = await setStage(t, imageRoot, withoutHostPid);
    const pod = await preparePod(stage);
    const running = [pod.start('daemon'), pod.start('sensor')] as const;
    try {
      const body = await waitProbe(stage, running[0], '/readyz', 200);
      assert.match(body, /^- but: the processes of this node cannot be seen, .*hostPID: true$/m);
    } finally {
      // Their parents keep SIGTERM from them.
      for (const process of running) {
        process.kill('SIGKILL');
        await process.ended;
      }
    }
  });

  test('a sensor that lacks a capability, and must not poll, says so; the daemon, that it is not ready', async (t) => {
    const stage = await setStage(t, imageRoot);
    const pod = await preparePod(stage);
    const { args, securityContext } = withoutBpf(pod);
    const sensor = await endOf(pod.start('sensor', { args: [...args, '--mode', 'ebpf'], securityContext }));
    assert.equal(sensor.code, 1);
    assert.match(sensor.output, /CAP_BPF is missing: .* give stuckd-sensor CAP_BPF and CAP_PERFMON/);
    const daemon = pod.start('daemon');
    assert.match(await waitProbe(stage, daemon, '/readyz', 503), /sensor/);
  });

  test('one that may poll serves the pod, which is ready, and says that and why it is degraded', async (t) => {
    const stage = await setStage(t, imageRoot);
    const pod = await preparePod(stage);
    const sensor = pod.start('sensor', withoutBpf(pod));
    const daemon = pod.start('daemon');
    assert.match(await waitProbe(stage, daemon, '/readyz', 200), /degraded.*CAP_BPF is missing/);
    assert.equal(processStatus(sensor.pid).permitted, 0n);
  });

  test('a container that is started again takes the place of the one that was killed', async (t) => {
    const stage = await setStage(t, imageRoot);
    const { pod, sensor, daemon } = await startPod(stage);
    sensor.kill('SIGKILL');
    await sensor.ended;
    await waitProbe(stage, daemon, '/readyz', 503);
    pod.start('sensor');
    await waitProbe(stage, daemon, '/readyz', 200);
    daemon.kill('SIGKILL');
    await daemon.ended;
    await waitProbe(stage, pod.start('daemon'), '/readyz', 200);
  });

  test('with the overlay mtls it also tells who has a certificate', { skip: kustomizeSkipReason }, async (t) => {
    const authority = createAuthority('stuckd');
    const { cert, key } = authority.issue(['stuckd.stuckd.svc']);
    const secrets = { 'stuckd-grpc': { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert } };
    const stage = await setStage(t, imageRoot, renderManifests(kustomizationPath('overlays/mtls')), secrets);
    await startPod(stage);

    const directory = temporaryDirectory();
    const client = authority.issue(['operator']);
    const files = { ca: authority.cert, cert: client.cert, key: client.key };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(directory, name), content);
    }
    const ask = (...tls: readonly string[]): Promise<string> => {
      const program = [process.execPath, join(packageRoot(), 'build/bin/stuckctl.js')];
      const address = ['--address', `${POD_ADDRESS}:9736`, '--tls-server-name', 'stuckd.stuckd.svc'];
      return stage.lab.run(stage.kubelet, [...program, 'status', '-o', 'json', ...address, ...tls]);
    };
    const believed = ['--tls-ca', join(directory, 'ca')];
    const shown = ['--tls-cert', join(directory, 'cert'), '--tls-key', join(directory, 'key')];
    const { node } = JSON.parse(await ask(...believed, ...shown)) as StuckctlAnswer;
    assert.equal(node?.hostname, NODE_NAME);
    await assert.rejects(ask(...believed), /cannot reach stuckd/);
  });
});
