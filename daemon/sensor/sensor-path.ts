/** Where the sensor lies in a built tree. */
import { fileURLToPath } from 'node:url';

/** @returns the executable that `make -C bpf` builds, relative to the compiled file: build/daemon/sensor/ */
export function builtSensorPath(): string {
  return fileURLToPath(new URL('../../../bpf/.output/stuckd-sensor', import.meta.url));
}
