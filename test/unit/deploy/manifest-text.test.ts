// Proves what a reader of the manifests relies on: beside every capability, mount and verb stands its reason, no kustomization
// and no manifest holds a key that is not known, configurations are valid, no component grants more than the base, and the
// example of a certificate fits what is mounted. All this without kustomize. It cannot prove that the reasons are good ones.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../../daemon/config.js';
import { kustomizationSchema, manifestSchema } from '../../support/kubernetes/manifest-schema.js';
import { kustomizationPath, onlyOf, readResources } from '../../support/kubernetes/manifests.js';

const files = readdirSync(kustomizationPath(''), { recursive: true, encoding: 'utf8' });
const yaml = files.filter((file) => file.endsWith('.yaml'));
const text = (file: string): string => readFileSync(kustomizationPath(file), 'utf8');

test('every capability, mount and verb stands beside its reason', () => {
  const granting = /^\s*(?:- (?:BPF|PERFMON|get|list|watch)\b|mountPath:|hostPID:)/;
  const lines = yaml.flatMap((file) =>
    text(file)
      .split('\n')
      .map((line, index, all) => ({ file, line, above: all[index - 1] ?? '' })),
  );
  const found = lines.filter(({ line }) => granting.test(line));
  assert.ok(found.length >= 12);
  assert.deepEqual(
    found.filter(({ line, above }) => !/ # \S/.test(line) && !above.trim().startsWith('#')),
    [],
  );
});

test('no kustomization holds a key that is not known', () => {
  const kustomizations = yaml.filter((file) => file.endsWith('kustomization.yaml'));
  assert.deepEqual(kustomizations.map((file) => file.replace(/\/kustomization.yaml$/, '')).sort(), [
    'base',
    'components/alertmanager',
    'components/mtls',
    'components/polling',
    'components/prometheus-operator',
    'components/sensor-unconfined',
    'components/state-in-pod',
    'overlays/alertmanager',
    'overlays/mtls',
    'overlays/prometheus-operator',
  ]);
  for (const file of kustomizations) {
    kustomizationSchema.parse(parse(text(file)));
  }
});

interface Certificate {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly secretName: string;
    readonly dnsNames?: readonly string[];
    readonly usages?: readonly string[];
    readonly duration?: string;
    readonly privateKey: { readonly rotationPolicy?: string };
  };
}

test('the example of certificates makes the Secret that is mounted, for the name of the Service, and a lasting authority', () => {
  const example = parseAllDocuments(text('components/mtls/certificate.example.yaml'));
  const resources = example.map((document) => document.toJS() as Certificate);
  const certificates = resources.filter(({ kind }) => kind === 'Certificate');
  const [authority, server, client, ...others] = certificates.map(({ spec }) => spec);
  assert.deepEqual(others, []);
  assert.deepEqual([authority?.duration, authority?.privateKey.rotationPolicy], ['87600h', 'Never']);
  assert.deepEqual([server?.usages, server?.dnsNames], [['server auth'], ['stuckd.stuckd.svc']]);
  assert.deepEqual(client?.usages, ['client auth']);
  assert.ok(text('components/mtls/daemonset.patch.yaml').includes(`secretName: ${server?.secretName ?? ''}\n`));
});

test('every configuration is valid, and knows where the control groups are', () => {
  const configurations = files.filter((file) => file.endsWith('/stuckd.yaml'));
  assert.deepEqual(configurations.toSorted(), [
    'base/stuckd.yaml',
    'overlays/alertmanager/stuckd.yaml',
    'overlays/mtls/stuckd.yaml',
  ]);
  for (const file of configurations) {
    const { workloads } = loadConfig({ configPath: kustomizationPath(file) }, {});
    assert.equal(workloads.cgroupRoot, '/host/sys/fs/cgroup', file);
  }
});

test('resources of components hold no field that is not known', () => {
  const other = /(?:kustomization|stuckd|\.patch|\.example)\.yaml$/;
  const resources = yaml.filter((file) => file.startsWith('components/') && !other.test(file));
  assert.ok(resources.length >= 3);
  for (const file of resources) {
    manifestSchema.parse(parse(text(file)));
  }
});

test('no patch of a component but one touches users, capabilities or namespaces, or adds a directory of the node', () => {
  const granting =
    /\b(?:capabilities|privileged|allowPrivilegeEscalation|runAs\w+|host(?:PID|IPC|Network)|hostPath: *[^n\s])/;
  const patches = yaml.filter((file) => file.endsWith('.patch.yaml'));
  assert.ok(patches.length >= 4);
  assert.deepEqual(
    patches.filter((file) => granting.test(text(file)) || /hostPath:\s*\n/.test(text(file))),
    // It gives capabilities and nothing else: kubernetes.test.ts has which.
    ['components/polling/daemonset.patch.yaml'],
  );
});

test('a field that Kubernetes does not know is refused', () => {
  const daemonSet = onlyOf(readResources('base'), 'DaemonSet');
  const misspelt: unknown = JSON.parse(
    JSON.stringify(daemonSet).replace('"allowPrivilegeEscalation"', '"allowPrivilegeEscalations"'),
  );
  assert.throws(() => manifestSchema.parse(misspelt), /allowPrivilegeEscalations/);
  const privileged: unknown = JSON.parse(
    JSON.stringify(daemonSet).replace('"capabilities":{', '"procMount":"Unmasked","capabilities":{'),
  );
  assert.throws(() => manifestSchema.parse(privileged), /procMount/);
});
