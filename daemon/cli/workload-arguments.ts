/** `--container`, `--pod` and `--unit`, as people write them. */
import type { ConnectionFilterRequest } from '../rpc/grpc-client.js';
import { UsageError } from './cli-io.js';

/** Of the kinds of unit those that processes can belong to. */
const UNIT_SUFFIX = /\.(?:service|scope|socket|mount|swap)$/;
const ID_DIGITS_MIN = 12;

function present(option: string, values: readonly string[]): string[] {
  if (values.includes('')) {
    throw new UsageError(`--${option}: give a name`);
  }
  return [...values];
}

/** Runtimes and Kubernetes put their name before an id: `containerd://<id>`. */
function container(text: string): string {
  const id = text.replace(/^[a-z0-9.+-]+:\/\//, '').toLowerCase();
  if (/^[0-9a-f]+$/.test(id) && id.length < ID_DIGITS_MIN) {
    throw new UsageError(`--container ${JSON.stringify(text)}: give at least ${ID_DIGITS_MIN} digits of the id`);
  }
  return id;
}

/** As systemctl takes it, a name alone is that of a service. */
function unit(text: string): string {
  return UNIT_SUFFIX.test(text) ? text : `${text}.service`;
}

/** @throws UsageError */
export function workloadFilter(
  containers: readonly string[],
  pods: readonly string[],
  units: readonly string[],
): Pick<ConnectionFilterRequest, 'containers' | 'pods' | 'units'> {
  return {
    containers: present('container', containers).map(container),
    pods: present('pod', pods),
    units: present('unit', units).map(unit),
  };
}
