// Proves what the Kubernetes manifests ask for, to the letter: users, capabilities, mounts, volumes and RBAC verbs of the base
// and of every overlay, alone and together; and that what they say of the programs
// (variables, arguments, paths, ports, configuration) is so. Where there is no recent kustomize, the base alone is judged, as
// it is written. It cannot prove that a cluster accepts them: its admission plugins and its policies have the last word.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { loadConfig } from '../../../daemon/config.js';
import { pageOf } from '../../../daemon/http/pages.js';
import { nodeNameOf } from '../../../daemon/workloads.js';
import {
  ADDED,
  type Addition,
  BASE_KINDS,
  GRANTED,
  METRICS_INGRESS,
  SELECTED,
  STUCKD_ID,
  VOLUMES,
} from '../../support/kubernetes/granted.js';
import type { Container, Manifest, PodSpec, Volume } from '../../support/kubernetes/manifest-schema.js';
import {
  allOf,
  kustomizationPath,
  kustomizeSkipReason,
  onlyOf,
  readResources,
  renderManifests,
} from '../../support/kubernetes/manifests.js';
import { packageRoot } from '../../support/package-root.js';

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };

function podOf(manifests: readonly Manifest[]): PodSpec {
  return onlyOf(manifests, 'DaemonSet').spec.template.spec;
}

function containersOf(pod: PodSpec): readonly Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers];
}

function containerOf(pod: PodSpec, name: string): Container {
  const found = containersOf(pod).find((container) => container.name === name);
  assert.ok(found !== undefined, `there is no container ${name}`);
  return found;
}

function mountsOf({ volumeMounts }: Container): readonly string[] {
  return volumeMounts.map((mount) => `${mount.name} ${mount.mountPath}${mount.readOnly === true ? ' read-only' : ''}`);
}

/** Environment with a fixed value. */
function variablesOf({ env = [] }: Container): Readonly<Record<string, string>> {
  return Object.fromEntries(env.flatMap((each) => ('value' in each ? [[each.name, each.value]] : [])));
}

function assertPermissions(manifests: readonly Manifest[], added: Addition): void {
  const pod = podOf(manifests);
  assert.deepEqual(
    { pid: pod.hostPID, network: pod.hostNetwork, ipc: pod.hostIPC, token: pod.automountServiceAccountToken },
    { pid: true, network: false, ipc: false, token: false },
  );
  assert.deepEqual(pod.securityContext, {
    runAsGroup: STUCKD_ID,
    fsGroup: STUCKD_ID,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const names = containersOf(pod).map(({ name }) => name);
  assert.deepEqual(names.sort(), Object.keys(GRANTED).sort());
  for (const container of containersOf(pod)) {
    const { uid, add, mounts } = GRANTED[container.name] ?? assert.fail();
    const isDaemon = container.name === 'daemon';
    assert.deepEqual(container.securityContext, {
      runAsUser: uid,
      ...(isDaemon ? { runAsNonRoot: true } : {}),
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], ...(add.length === 0 ? {} : { add }) },
    });
    const extra = isDaemon ? (added.daemonMounts ?? []) : [];
    assert.deepEqual([...mountsOf(container)].sort(), [...mounts, ...extra].sort(), container.name);
  }
}

function byName(volumes: readonly Volume[]): readonly Volume[] {
  return volumes.toSorted((one, other) => one.name.localeCompare(other.name));
}

function assertAccess(manifests: readonly Manifest[]): void {
  assert.deepEqual(onlyOf(manifests, 'ClusterRole').rules, [
    { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
  ]);
  const { roleRef, subjects } = onlyOf(manifests, 'ClusterRoleBinding');
  assert.equal(roleRef.name, onlyOf(manifests, 'ClusterRole').metadata.name);
  const account = onlyOf(manifests, 'ServiceAccount');
  assert.deepEqual(
    subjects.map(({ name }) => name),
    [account.metadata.name],
  );
  assert.equal(account.automountServiceAccountToken, false);
  assert.equal(podOf(manifests).serviceAccountName, account.metadata.name);
}

/** They are what is listed, each is mounted, and each mount has one. */
function assertVolumes(pod: PodSpec, added: Addition): void {
  const mounted = new Set(containersOf(pod).flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name)));
  assert.deepEqual([...mounted].sort(), pod.volumes.map(({ name }) => name).sort());
  const volumes = pod.volumes.filter(({ name }) => name !== 'config');
  assert.deepEqual(byName(volumes), byName([...VOLUMES, ...(added.volumes ?? [])]));
}

/** The two processes find each other, and what they find there is the same volume. */
function assertSocket(pod: PodSpec): void {
  const sensor = containerOf(pod, 'sensor');
  const [option, path = '', ...rest] = sensor.args;
  assert.deepEqual([option, rest], ['--listen', []]);
  const daemon = containerOf(pod, 'daemon');
  assert.equal(variablesOf(daemon)['STUCKD_SENSOR_ADDRESS'], `unix:${path}`);
  for (const { volumeMounts } of [sensor, daemon]) {
    const mount = volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
    assert.equal(mount?.name, 'sensor-socket');
  }
}

/** The configuration with the variables of the manifest, as the daemon reads it. */
function loadAs(pod: PodSpec, text: string): ReturnType<typeof loadConfig> {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-manifest-'));
  const configPath = join(directory, 'stuckd.yaml');
  try {
    writeFileSync(configPath, text);
    return loadConfig({ configPath }, variablesOf(containerOf(pod, 'daemon')));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Whether a volume of the daemon can hold the file: those that are made of keys hold these keys only. */
function isProvided(pod: PodSpec, path: string): boolean {
  const mounts = containerOf(pod, 'daemon').volumeMounts;
  const mount = mounts.find(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
  const volume = pod.volumes.find(({ name }) => name === mount?.name);
  if (mount === undefined || volume === undefined) {
    return false;
  }
  const file = path.slice(mount.mountPath.length + 1);
  if ('secret' in volume && volume.secret.items !== undefined) {
    return volume.secret.items.some((item) => item.path === file);
  }
  return !('configMap' in volume) || file === 'stuckd.yaml';
}

/** What the daemon is told of files lies where a volume provides it. */
function assertConfiguration(manifests: readonly Manifest[]): void {
  const pod = podOf(manifests);
  const daemon = containerOf(pod, 'daemon');
  const map = onlyOf(manifests, 'ConfigMap');
  const configVolume = pod.volumes.find(({ name }) => name === 'config');
  assert.deepEqual(configVolume, { name: 'config', configMap: { name: map.metadata.name } });
  assert.deepEqual(daemon.args, ['run', '--config', '/etc/stuckd/stuckd.yaml']);
  assert.deepEqual(Object.keys(map.data), ['stuckd.yaml']);

  const config = loadAs(pod, map.data['stuckd.yaml'] ?? '');
  const tls = config.grpc.tcp?.tls;
  const secretFiles = config.receivers.flatMap((receiver) => ('secretFile' in receiver ? [receiver.secretFile] : []));
  const readable = [
    [config.workloads.cgroupRoot, '/host/sys/fs/cgroup'],
    [config.kubernetes.tokenFile, '/var/run/secrets/kubernetes.io/serviceaccount/token'],
    [config.kubernetes.caFile, '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'],
  ] as const;
  for (const [path, expected] of readable) {
    assert.equal(path, expected);
  }
  const files = [...Object.values(tls ?? {}), ...secretFiles.filter((file) => file !== undefined), config.stateDir];
  const socket = config.grpc.address.replace(/^unix:/, '');
  for (const path of [...readable.map(([path]) => path), ...files, socket]) {
    assert.ok(isProvided(pod, path), `no volume provides ${path}`);
  }
  const port = config.grpc.tcp?.address.split(':').at(-1);
  const open = daemon.ports?.find(({ name }) => name === 'grpc')?.containerPort;
  assert.equal(port, open?.toString(), 'the port of gRPC');
}

/** Who is let in to which port, which of them are open, and what a Service or Prometheus makes of them. */
function assertNetwork(manifests: readonly Manifest[], { ingress = [], ports = [] }: Addition): void {
  const policies = allOf(manifests, 'NetworkPolicy').map(({ spec }) => spec);
  assert.ok(policies.every(({ policyTypes }) => policyTypes.join() === 'Ingress'));
  assert.deepEqual(
    policies.flatMap((spec) => spec.ingress),
    [METRICS_INGRESS, ...ingress],
  );
  const open = containerOf(podOf(manifests), 'daemon').ports?.map(({ containerPort }) => containerPort);
  assert.deepEqual(open?.toSorted(), [9735, ...ports]);
  for (const { spec } of allOf(manifests, 'Service')) {
    assert.deepEqual(spec.ports, [
      { name: 'grpc', port: 9736, targetPort: 'grpc', protocol: 'TCP', appProtocol: 'grpc' },
    ]);
  }
  for (const { spec } of allOf(manifests, 'PodMonitor')) {
    assert.deepEqual(spec, {
      jobLabel: 'app.kubernetes.io/name',
      selector: { matchLabels: SELECTED },
      podMetricsEndpoints: [
        {
          ...{ port: 'http', path: '/metrics', honorLabels: true },
          relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' }],
        },
      ],
    });
  }
}

/** A tenth of the nodes at a time, each without its old pod before the new one starts: they share the state. */
function assertUpdates(manifests: readonly Manifest[]): void {
  assert.deepEqual(onlyOf(manifests, 'DaemonSet').spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: '10%' },
  });
}

/** What selects pods selects these. */
function assertSelectors(manifests: readonly Manifest[]): void {
  const { selector, template } = onlyOf(manifests, 'DaemonSet').spec;
  const selectors = [
    selector.matchLabels,
    ...allOf(manifests, 'NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels),
    ...allOf(manifests, 'Service').map(({ spec }) => spec.selector),
  ];
  for (const labels of selectors) {
    assert.deepEqual(labels, SELECTED);
  }
  assert.equal(template.metadata.labels['app.kubernetes.io/name'], 'stuckd');
}

function assertManifests(manifests: readonly Manifest[], added: Addition): void {
  const kinds = manifests.map(({ kind }) => kind).sort();
  assert.deepEqual(kinds, [...BASE_KINDS, ...(added.kinds ?? [])].sort());
  assertPermissions(manifests, added);
  assertAccess(manifests);
  assertVolumes(podOf(manifests), added);
  assertSocket(podOf(manifests));
  assertConfiguration(manifests);
  assertNetwork(manifests, added);
  assertUpdates(manifests);
  assertSelectors(manifests);
}

test('the base as it is written', () => {
  assertManifests(readResources('base'), {});
});

for (const [name, added] of Object.entries(ADDED)) {
  const path = name === 'base' ? name : `overlays/${name}`;
  test(`${path} as kustomize makes it`, { skip: kustomizeSkipReason }, () => {
    const manifests = renderManifests(kustomizationPath(path));
    assertManifests(manifests, added);
    for (const manifest of manifests) {
      const { namespace, labels } = manifest.metadata;
      const isOfCluster = ['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'PriorityClass'].includes(manifest.kind);
      assert.equal(namespace, isOfCluster ? undefined : 'stuckd', manifest.kind);
      assert.equal(labels?.['app.kubernetes.io/version'], version, manifest.kind);
    }
    for (const { image } of containersOf(podOf(manifests))) {
      assert.equal(image, `stuckd:${version}`);
    }
    assert.equal(onlyOf(manifests, 'ClusterRoleBinding').subjects[0]?.namespace, 'stuckd');
  });
}

/** As the README tells users to write one. */
function renderTogether(components: readonly string[]): readonly Manifest[] {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'stuckd-kustomization-')));
  const path = (name: string): string => relative(directory, realpathSync(kustomizationPath(name)));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [path('base')],
    components: components.map((name) => path(`components/${name}`)),
    configMapGenerator: [{ name: 'stuckd', namespace: 'stuckd', behavior: 'replace', files: ['stuckd.yaml'] }],
  };
  const config = components.includes('mtls') ? 'overlays/mtls/stuckd.yaml' : 'base/stuckd.yaml';
  try {
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
    writeFileSync(join(directory, 'stuckd.yaml'), readFileSync(kustomizationPath(config)));
    return renderManifests(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('components', { skip: kustomizeSkipReason }, () => {
  test('all overlays together', () => {
    const { mtls, alertmanager, 'prometheus-operator': prometheus } = ADDED;
    assertManifests(renderTogether(['mtls', 'alertmanager', 'prometheus-operator']), {
      daemonMounts: [...(mtls?.daemonMounts ?? []), ...(alertmanager?.daemonMounts ?? [])],
      volumes: [...(mtls?.volumes ?? []), ...(alertmanager?.volumes ?? [])],
      ingress: mtls?.ingress ?? [],
      kinds: [...(mtls?.kinds ?? []), ...(prometheus?.kinds ?? [])],
      ports: mtls?.ports ?? [],
    });
  });

  test('a sensor without a profile of seccomp is all that this component makes different', () => {
    const { containers, ...rest } = podOf(renderTogether(['sensor-unconfined']));
    const usual = podOf(renderTogether([]));
    assert.deepEqual({ ...rest, containers: [] }, { ...usual, containers: [] });
    for (const { name, securityContext } of containers) {
      const profile = name === 'sensor' ? { seccompProfile: { type: 'Unconfined' } } : {};
      assert.deepEqual(securityContext, { ...containerOf(usual, name).securityContext, ...profile });
    }
  });

  test('what polling can use is all that its component gives, and to the sensor alone', () => {
    const { containers, ...rest } = podOf(renderTogether(['polling']));
    const usual = podOf(renderTogether([]));
    assert.deepEqual({ ...rest, containers: [] }, { ...usual, containers: [] });
    for (const { name, securityContext } of containers) {
      const before = containerOf(usual, name).securityContext;
      const add = ['BPF', 'PERFMON', 'SYS_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH'];
      const capabilities = name === 'sensor' ? { capabilities: { ...before.capabilities, add } } : {};
      assert.deepEqual(securityContext, { ...before, ...capabilities });
    }
  });

  test('with its state in the pod it writes nothing to the node, and root prepares nothing', () => {
    const pod = podOf(renderTogether(['state-in-pod']));
    assert.deepEqual(pod.initContainers ?? [], []);
    assert.deepEqual(
      pod.volumes.find(({ name }) => name === 'state'),
      { name: 'state', emptyDir: { sizeLimit: '512Mi' } },
    );
    assert.deepEqual(
      pod.volumes.flatMap((volume) => ('hostPath' in volume ? [volume.hostPath.path] : [])),
      ['/sys/fs/cgroup'],
    );
  });
});

describe('what the manifests say of the programs', () => {
  const pod = podOf(readResources('base'));
  const daemon = containerOf(pod, 'daemon');

  test('every variable of ours has an effect', () => {
    const withoutAny = loadConfig({}, {});
    const ours = Object.entries(variablesOf(daemon)).filter(([name]) => name !== 'NODE_OPTIONS');
    for (const [name, value] of ours) {
      assert.notDeepEqual(loadConfig({}, { [name]: value }), withoutAny, `${name} changes nothing`);
    }
    const names = (daemon.env ?? []).map(({ name }) => name);
    assert.deepEqual(names, ['NODE_NAME', 'STUCKD_SENSOR_ADDRESS', 'STUCKD_HTTP_ADDRESS', 'NODE_OPTIONS']);
    assert.equal(nodeNameOf(loadConfig({}, {}).kubernetes, { NODE_NAME: 'node-17' }), 'node-17');
  });

  test('the heap leaves room below the memory limit', () => {
    const [, heapMib = ''] = /^--max-old-space-size=(\d+)$/.exec(variablesOf(daemon)['NODE_OPTIONS'] ?? '') ?? [];
    const [, limitMib = ''] = /^(\d+)Mi$/.exec(daemon.resources.limits.memory) ?? [];
    assert.ok(Number(heapMib) * 1.5 <= Number(limitMib), `${heapMib} MiB of ${limitMib} MiB`);
  });

  test('probes ask the port of HTTP for paths that it has', async () => {
    const { startupProbe, livenessProbe, readinessProbe, env = [], ports = [] } = daemon;
    assert.deepEqual(startupProbe?.httpGet, { path: '/healthz', port: 'http' });
    assert.deepEqual(livenessProbe?.httpGet, { path: '/healthz', port: 'http' });
    assert.deepEqual(readinessProbe?.httpGet, { path: '/readyz', port: 'http' });
    const address = env.flatMap((each) => (each.name === 'STUCKD_HTTP_ADDRESS' && 'value' in each ? [each.value] : []));
    const http = ports.filter(({ name }) => name === 'http').map(({ containerPort }) => `0.0.0.0:${containerPort}`);
    assert.deepEqual(address, http);
    const { annotations } = onlyOf(readResources('base'), 'DaemonSet').spec.template.metadata;
    assert.equal(annotations?.['prometheus.io/port'], '9735');
    assert.equal(annotations['prometheus.io/path'], '/metrics');
    const sources = {
      metrics: () => Promise.resolve({ contentType: 'text/plain', text: '' }),
      readiness: () => ({ notReady: [], problems: [] }),
    };
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      assert.equal((await pageOf(path, sources)).status, 200, path);
    }
  });
});
