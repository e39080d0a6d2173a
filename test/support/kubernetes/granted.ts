/** What the manifests of deploy/kubernetes ask for: the base, and what each overlay adds to it. */
import { readFileSync } from 'node:fs';
import type { Manifest, Volume } from './manifest-schema.js';
import { kustomizationPath } from './manifests.js';

/** User and group of the daemon: of its own, since the pid namespace is that of the node. */
export const STUCKD_ID = 973_500;

/** What the base grants; overlays may add what {@link ADDED} says, and nothing else. */
export const GRANTED: Readonly<
  Record<string, { readonly uid: number; readonly add: readonly string[]; readonly mounts: readonly string[] }>
> = {
  'state-directory': { uid: 0, add: [], mounts: ['state /var/lib/stuckd'] },
  sensor: { uid: 0, add: ['BPF', 'PERFMON'], mounts: ['sensor-socket /run/stuckd-sensor'] },
  daemon: {
    uid: STUCKD_ID,
    add: [],
    mounts: [
      'sensor-socket /run/stuckd-sensor read-only',
      'run /run/stuckd',
      'state /var/lib/stuckd',
      'config /etc/stuckd read-only',
      'cgroup /host/sys/fs/cgroup read-only',
      'service-account /var/run/secrets/kubernetes.io/serviceaccount read-only',
    ],
  },
};

const SOCKETS = { medium: 'Memory', sizeLimit: '1Mi' } as const;

/** All volumes of the base, but for the one of the configuration, whose name has a hash. */
export const VOLUMES: readonly Volume[] = [
  { name: 'sensor-socket', emptyDir: SOCKETS },
  { name: 'run', emptyDir: SOCKETS },
  { name: 'state', hostPath: { path: '/var/lib/stuckd-kubernetes', type: 'DirectoryOrCreate' } },
  { name: 'cgroup', hostPath: { path: '/sys/fs/cgroup', type: 'Directory' } },
  {
    name: 'service-account',
    projected: {
      defaultMode: 0o440,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ],
    },
  },
];

type Ingress = Extract<Manifest, { readonly kind: 'NetworkPolicy' }>['spec']['ingress'][number];

/** The page of Prometheus, for the namespace that it is in. */
export const METRICS_INGRESS: Ingress = {
  from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
  ports: [{ port: 9735, protocol: 'TCP' }],
};

export interface Addition {
  readonly daemonMounts?: readonly string[];
  readonly volumes?: readonly Volume[];
  readonly ingress?: readonly Ingress[];
  readonly kinds?: readonly string[];
  readonly ports?: readonly number[];
}

/** Each is a resource of its own for the operator; see operator-rules.test.ts. */
const RULE_FILES = readFileSync(kustomizationPath('components/prometheus-operator/kustomization.yaml'), 'utf8')
  .split('\n')
  .filter((line) => line.trim().startsWith('- rules/'));

export const ADDED: Readonly<Record<string, Addition>> = {
  base: {},
  mtls: {
    daemonMounts: ['grpc-tls /etc/stuckd-tls read-only'],
    volumes: [
      {
        name: 'grpc-tls',
        secret: {
          secretName: 'stuckd-grpc',
          defaultMode: 0o440,
          items: ['tls.crt', 'tls.key', 'ca.crt'].map((name) => ({ key: name, path: name })),
        },
      },
    ],
    // Clients are in any namespace, and have a certificate.
    ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 9736, protocol: 'TCP' }] }],
    kinds: ['NetworkPolicy', 'Service'],
    ports: [9736],
  },
  alertmanager: {
    daemonMounts: ['receiver-secrets /etc/stuckd-secrets read-only'],
    volumes: [
      { name: 'receiver-secrets', secret: { secretName: 'stuckd-receivers', optional: true, defaultMode: 0o440 } },
    ],
  },
  'prometheus-operator': { kinds: ['PodMonitor', ...RULE_FILES.map(() => 'PrometheusRule')] },
};

/** By this label the pods are found. */
export const SELECTED = { 'app.kubernetes.io/name': 'stuckd' };

export const BASE_KINDS = [
  'ClusterRole',
  'ClusterRoleBinding',
  'ConfigMap',
  'DaemonSet',
  'Namespace',
  'NetworkPolicy',
  'PriorityClass',
  'ServiceAccount',
];
