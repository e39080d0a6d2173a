/** Names of workloads that stay the same when a workload is replaced by its like: what fingerprints are made of. */
import type { Workload } from '../workload.js';

/** Labels of pods whose value is a part of the pod's name, which changes with every roll-out. */
const HASH_LABELS = ['pod-template-hash', 'controller-revision-hash'] as const;

/** What controllers put behind the name that they were given: five characters for a pod, a number for an ordinal. */
const POD_SUFFIX = /-(?:[a-z0-9]{5}|\d+)$/u;

/** Units that come and go with what they hold: sessions, and the scopes of container engines. */
const LASTING_UNIT = /\.(?:service|slice|socket|mount)$/u;

/** @returns `namespace/owner/container` of a pod, or a unit; an empty text if there is nothing that lasts. */
export function workloadIdentity(workload: Workload | null): string {
  if (workload === null) {
    return '';
  }
  const { pod, podNamespace, container, unit } = workload;
  if (pod !== '') {
    return `${podNamespace}/${podOwner(workload)}/${container}`;
  }
  return LASTING_UNIT.test(unit) ? unit : '';
}

/** The same, and where nothing lasts, what tells it from others of this node. */
export function localIdentity(workload: Workload | null): string {
  return workloadIdentity(workload) || (workload?.containerId ?? '') || (workload?.cgroup ?? '');
}

/** The name of the pod without what its controller added; a pod without a controller has its own name. */
function podOwner({ pod, podLabels }: Workload): string {
  const hash = HASH_LABELS.map((label) => podLabels.get(label) ?? '').find((value) => value !== '');
  const isControlled = hash !== undefined || podLabels.has('batch.kubernetes.io/job-name');
  if (!isControlled) {
    return pod;
  }
  const named = pod.replace(POD_SUFFIX, '');
  return hash !== undefined && named.endsWith(`-${hash}`) ? named.slice(0, -hash.length - 1) : named;
}

/** Whoever looks workloads up may make a new object each time. */
export function isSameWorkload(a: Workload | null, b: Workload | null): boolean {
  if (a === null || b === null || a === b) {
    return a === b;
  }
  return (
    TEXTS.every((field) => a[field] === b[field]) &&
    a.podLabels.size === b.podLabels.size &&
    [...a.podLabels].every(([name, value]) => b.podLabels.get(name) === value)
  );
}

const TEXTS = [
  'cgroup',
  'containerId',
  'containerRuntime',
  'podUid',
  'pod',
  'podNamespace',
  'container',
  'unit',
] as const satisfies readonly (keyof Workload)[];
