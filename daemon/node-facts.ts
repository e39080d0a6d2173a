/** Facts about the machine, read once. */
import { availableParallelism, hostname, totalmem, release } from 'node:os';
import type { NodeFacts } from './core/ports.js';

/**
 * What is known without asking anybody.
 * @param nodeName of the node in its cluster: a pod has a host name of its own, which is not the node's.
 */
export function basicNodeFacts(nodeName: string | null): NodeFacts {
  return {
    hostname: nodeName ?? hostname(),
    kernel: release(),
    architecture: process.arch,
    operatingSystem: '',
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    model: '',
  };
}

/** The rest; whatever cannot be read stays as it was. Takes some 100 ms and never rejects. */
export async function readNodeFacts(nodeName: string | null): Promise<NodeFacts> {
  const basic = basicNodeFacts(nodeName);
  // Loaded only now: it is large, and nobody waits for what it finds.
  const loaded = import('./system-information.js');
  const [os, machine] = await Promise.allSettled([
    loaded.then(({ osInfo }) => osInfo()),
    loaded.then(({ system }) => system()),
  ]);
  const operatingSystem = os.status === 'fulfilled' ? `${os.value.distro} ${os.value.release}`.trim() : '';
  const model = machine.status === 'fulfilled' ? `${machine.value.manufacturer} ${machine.value.model}`.trim() : '';
  return { ...basic, operatingSystem, model: model === '-' ? '' : model };
}
