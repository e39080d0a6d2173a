/** The labels that say what a process belongs to. They are opt-in: `http.metrics.workloadLabels`. */
import type { Workload } from '../core/workload.js';

/** Names that Kubernetes users have in their queries already, and the unit for machines without Kubernetes. */
export const WORKLOAD_LABELS = ['namespace', 'pod', 'container', 'unit'] as const;
export type WorkloadLabel = (typeof WORKLOAD_LABELS)[number];

const FIELDS: Readonly<Record<WorkloadLabel, (workload: Workload) => string>> = {
  namespace: (workload) => workload.podNamespace,
  pod: (workload) => workload.pod,
  container: (workload) => workload.container,
  unit: (workload) => workload.unit,
};

/** @returns a value for each label; empty where it is not known. */
export function workloadValues(labels: readonly WorkloadLabel[], workload: Workload | null): readonly string[] {
  return labels.map((label) => (workload === null ? '' : FIELDS[label](workload)));
}
