/**
 * What manifests of stuckd may hold: fields of the Kubernetes API (kubernetes.io/docs/reference/kubernetes-api, v1.32) and of
 * the Prometheus operator. The API server drops a field that it does not know, so that a misspelt `capabilities` would grant
 * what nobody meant; here it is an error. What is not listed is not used yet: look it up, then list it.
 */
import * as z from 'zod';

const strings = z.record(z.string(), z.string());
const named = (name: string) => z.strictObject({ name: z.literal(name) });

const metadata = z.strictObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: strings.optional(),
  annotations: strings.optional(),
});

function object<Kind extends string, Shape extends z.ZodRawShape>(apiVersion: string, kind: Kind, shape: Shape) {
  return z.strictObject({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, ...shape });
}

const matchLabels = z.strictObject({ matchLabels: strings });

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: z.string() }),
  periodSeconds: z.int().min(1).optional(),
  timeoutSeconds: z.int().min(1).optional(),
  failureThreshold: z.int().min(1).optional(),
});

const seccompProfile = z.strictObject({ type: z.enum(['RuntimeDefault', 'Unconfined']) });

const containerSecurity = z.strictObject({
  runAsUser: z.int().min(0),
  runAsNonRoot: z.boolean().optional(),
  allowPrivilegeEscalation: z.boolean(),
  privileged: z.boolean(),
  readOnlyRootFilesystem: z.boolean(),
  capabilities: z.strictObject({ drop: z.array(z.string()), add: z.array(z.string()).optional() }),
  seccompProfile: seccompProfile.optional(),
});

const env = z.union([
  z.strictObject({ name: z.string(), value: z.string() }),
  z.strictObject({
    name: z.string(),
    valueFrom: z.strictObject({ fieldRef: z.strictObject({ fieldPath: z.string() }) }),
  }),
]);

const quantities = z.strictObject({ cpu: z.string().optional(), memory: z.string() });

const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()),
  args: z.array(z.string()),
  env: z.array(env).optional(),
  ports: z
    .array(z.strictObject({ name: z.string().max(15), containerPort: z.int(), protocol: z.literal('TCP') }))
    .optional(),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  securityContext: containerSecurity,
  resources: z.strictObject({ requests: quantities, limits: quantities }),
  volumeMounts: z.array(
    z.strictObject({ name: z.string(), mountPath: z.string().startsWith('/'), readOnly: z.boolean().optional() }),
  ),
});

const items = z.array(z.strictObject({ key: z.string(), path: z.string() }));

const volume = z.union([
  z.strictObject({
    name: z.string(),
    emptyDir: z.strictObject({ medium: z.literal('Memory').optional(), sizeLimit: z.string() }),
  }),
  z.strictObject({
    name: z.string(),
    hostPath: z.strictObject({ path: z.string().startsWith('/'), type: z.enum(['Directory', 'DirectoryOrCreate']) }),
  }),
  z.strictObject({ name: z.string(), configMap: z.strictObject({ name: z.string() }) }),
  z.strictObject({
    name: z.string(),
    secret: z.strictObject({
      secretName: z.string(),
      optional: z.boolean().optional(),
      defaultMode: z.int(),
      items: items.optional(),
    }),
  }),
  z.strictObject({
    name: z.string(),
    projected: z.strictObject({
      defaultMode: z.int(),
      sources: z.array(
        z.union([
          z.strictObject({
            serviceAccountToken: z.strictObject({ path: z.string(), expirationSeconds: z.int().min(600) }),
          }),
          z.strictObject({ configMap: z.strictObject({ name: z.string(), items }) }),
        ]),
      ),
    }),
  }),
]);

const podSpec = z.strictObject({
  nodeSelector: strings,
  tolerations: z.array(z.strictObject({ operator: z.literal('Exists') })),
  priorityClassName: z.string(),
  serviceAccountName: z.string(),
  automountServiceAccountToken: z.boolean(),
  enableServiceLinks: z.boolean(),
  hostPID: z.boolean(),
  hostNetwork: z.boolean(),
  hostIPC: z.boolean(),
  terminationGracePeriodSeconds: z.int(),
  securityContext: z.strictObject({
    runAsGroup: z.int(),
    fsGroup: z.int(),
    seccompProfile,
  }),
  initContainers: z.array(container).optional(),
  containers: z.array(container),
  volumes: z.array(volume),
});

const daemonSet = object('apps/v1', 'DaemonSet', {
  spec: z.strictObject({
    selector: matchLabels,
    updateStrategy: z.strictObject({
      type: z.literal('RollingUpdate'),
      rollingUpdate: z.strictObject({ maxUnavailable: z.string() }),
    }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: strings, annotations: strings.optional() }),
      spec: podSpec,
    }),
  }),
});

const networkPolicy = object('networking.k8s.io/v1', 'NetworkPolicy', {
  spec: z.strictObject({
    podSelector: matchLabels,
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z.array(
      z.strictObject({
        from: z.array(z.strictObject({ namespaceSelector: z.strictObject({}) })),
        ports: z.array(z.strictObject({ port: z.int(), protocol: z.literal('TCP') })),
      }),
    ),
  }),
});

const rbac = 'rbac.authorization.k8s.io';

const clusterRole = object(`${rbac}/v1`, 'ClusterRole', {
  rules: z.array(
    z.strictObject({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
  ),
});

const clusterRoleBinding = object(`${rbac}/v1`, 'ClusterRoleBinding', {
  roleRef: z.strictObject({ apiGroup: z.literal(rbac), kind: z.literal('ClusterRole'), name: z.string() }),
  subjects: z.array(
    z.strictObject({ kind: z.literal('ServiceAccount'), name: z.string(), namespace: z.string().optional() }),
  ),
});

const service = object('v1', 'Service', {
  spec: z.strictObject({
    clusterIP: z.literal('None'),
    publishNotReadyAddresses: z.boolean(),
    selector: strings,
    ports: z.array(
      z.strictObject({
        name: z.string(),
        port: z.int(),
        targetPort: z.string(),
        protocol: z.literal('TCP'),
        appProtocol: z.literal('grpc'),
      }),
    ),
  }),
});

const podMonitor = object('monitoring.coreos.com/v1', 'PodMonitor', {
  spec: z.strictObject({
    jobLabel: z.string(),
    selector: matchLabels,
    podMetricsEndpoints: z.array(
      z.strictObject({
        port: z.string(),
        path: z.string(),
        honorLabels: z.boolean(),
        relabelings: z.array(z.strictObject({ sourceLabels: z.array(z.string()), targetLabel: z.string() })),
      }),
    ),
  }),
});

/** The groups are those of the rule files, which promtool checks. */
const prometheusRule = object('monitoring.coreos.com/v1', 'PrometheusRule', {
  spec: z.strictObject({ groups: z.array(z.looseObject({ name: z.string() })) }),
});

export const manifestSchema = z.discriminatedUnion('kind', [
  object('v1', 'Namespace', {}),
  object('v1', 'ServiceAccount', { automountServiceAccountToken: z.boolean() }),
  object('v1', 'ConfigMap', { data: strings }),
  object('scheduling.k8s.io/v1', 'PriorityClass', {
    description: z.string(),
    value: z.int().max(1_000_000_000),
  }),
  clusterRole,
  clusterRoleBinding,
  daemonSet,
  networkPolicy,
  podMonitor,
  prometheusRule,
  service,
]);

/** The part of a kustomization that is used here. */
export const kustomizationSchema = z.strictObject({
  apiVersion: z.enum(['kustomize.config.k8s.io/v1beta1', 'kustomize.config.k8s.io/v1alpha1']),
  kind: z.enum(['Kustomization', 'Component']),
  namespace: z.literal('stuckd').optional(),
  resources: z.array(z.string()).optional(),
  components: z.array(z.string()).optional(),
  patches: z.array(z.strictObject({ path: z.string() })).optional(),
  labels: z.array(z.strictObject({ pairs: strings, includeTemplates: z.boolean().optional() })).optional(),
  configMapGenerator: z
    .array(
      z.strictObject({
        name: z.literal('stuckd'),
        behavior: z.literal('replace').optional(),
        files: z.array(z.literal('stuckd.yaml')),
      }),
    )
    .optional(),
  images: z.array(named('stuckd').extend({ newTag: z.string() })).optional(),
});

export type Manifest = z.output<typeof manifestSchema>;
export type DaemonSet = z.output<typeof daemonSet>;
export type PodSpec = z.output<typeof podSpec>;
export type Container = z.output<typeof container>;
export type Volume = z.output<typeof volume>;
