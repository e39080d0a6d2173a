/** The fields of a filter that name a container, a pod or a unit. */
import type { Workload } from '../core/workload.js';
import { invalidArgument } from './status.js';

/** `nginx-7d` or `shop/nginx-7d`, as Kubernetes allows names. */
const POD = /^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\/)?[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
/** Fewer digits could mean several containers. */
const ID_DIGITS_MIN = 12;
const UNIT_LENGTH_MAX = 255;

/** What these fields look at. */
export type WorkloadNames = Pick<Workload, 'containerId' | 'pod' | 'podNamespace' | 'unit'>;

export interface WorkloadFields {
  readonly containers: readonly string[];
  readonly pods: readonly string[];
  readonly units: readonly string[];
}

function refuse(field: string, value: string, wanted: string): never {
  throw invalidArgument(`filter.${field}: ${JSON.stringify(value.slice(0, 80))} is not ${wanted}`);
}

function check({ containers, pods, units }: WorkloadFields): void {
  for (const id of containers) {
    if (id === '' || (/^[0-9a-f]+$/.test(id) && id.length < ID_DIGITS_MIN)) {
      refuse('containers', id, `the id of a container; give all of it, or at least ${ID_DIGITS_MIN} digits`);
    }
  }
  for (const pod of pods) {
    if (!POD.test(pod)) {
      refuse('pods', pod, 'the name of a pod, or namespace/name');
    }
  }
  for (const unit of units) {
    if (unit === '' || unit.length > UNIT_LENGTH_MAX) {
      refuse('units', unit, 'the name of a unit, for example nginx.service');
    }
  }
}

/** Containers of LXC have names, which only match as a whole. */
function isContainer(id: string, wanted: readonly string[]): boolean {
  return id !== '' && wanted.some((value) => id === value || (/^[0-9a-f]{12,}$/.test(value) && id.startsWith(value)));
}

/**
 * @returns whether a workload, or one that is not known, is meant; null if the fields exclude none.
 * @throws RpcError INVALID_ARGUMENT, naming the field and the value.
 */
export function parseWorkloadFields(fields: WorkloadFields): ((workload: WorkloadNames | null) => boolean) | null {
  check(fields);
  const { containers } = fields;
  const pods = new Set(fields.pods);
  const units = new Set(fields.units);
  if (containers.length + pods.size + units.size === 0) {
    return null;
  }
  return (workload) =>
    workload !== null &&
    (containers.length === 0 || isContainer(workload.containerId, containers)) &&
    (pods.size === 0 || pods.has(workload.pod) || pods.has(`${workload.podNamespace}/${workload.pod}`)) &&
    (units.size === 0 || units.has(workload.unit));
}
