/** A neighbour on the node: the daemon shares the pid namespace with it, and must not share its user. */
import { type ManagedProcess, startProcess } from '../../../daemon/demo/lab/managed-process.js';
import { type Ending, waitFor } from '../lab.js';
import { RUNTIME_TOOL } from './pod.js';

/** User and group of images without root, by custom; see distroless, "nonroot". */
const NONROOT = 65_532;

/** A process of a container of somebody else, without root and without capabilities. */
export async function startNonroot(test: Ending): Promise<ManagedProcess> {
  const become = [
    RUNTIME_TOOL,
    `--reuid=${NONROOT}`,
    `--regid=${NONROOT}`,
    '--clear-groups',
    '--bounding-set=-all',
    '--',
  ];
  const process = startProcess(['sh', '-c', 'echo ready && exec sleep infinity'], { prefix: become });
  test.after(() => process.stop());
  // Until then it may still be root.
  await waitFor(() => process.lines.includes('ready'), { what: 'a process that is not root' });
  return process;
}
