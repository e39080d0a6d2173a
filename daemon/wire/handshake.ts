/** Whether this daemon can understand the sensor that greets it. */
import type { HelloReport } from '../core/sensor-records.js';
import { SENSOR_LAYOUT_HASH, SENSOR_MAGIC } from './layout.generated.js';

function hex(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

/**
 * Checks the first record of a stream.
 * @returns null if the sensor speaks this daemon's layout; else why not, and what to do.
 */
export function checkHello(hello: HelloReport): string | null {
  if (hello.magic !== SENSOR_MAGIC) {
    return (
      `what answers is no stuckd-sensor: its first record has the magic number ${hex(hello.magic)}, ` +
      `not ${hex(SENSOR_MAGIC)}; check the address of the sensor`
    );
  }
  if (hello.layoutHash !== SENSOR_LAYOUT_HASH) {
    return (
      `stuckd-sensor and stuckd are of different builds: the sensor (version ${hello.version}) has record layout ` +
      `${hex(hello.layoutHash)}, this daemon has ${hex(SENSOR_LAYOUT_HASH)}; ` +
      'install both from one release and restart both'
    );
  }
  return null;
}
