/** Where the sensor lies in a built tree. */
import { packageFile } from '../lib/package-root.js';

/** @returns the executable that `make -C bpf` builds. */
export function builtSensorPath(): string {
  return packageFile('bpf/.output/stuckd-sensor');
}
