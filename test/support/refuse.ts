/** Sensors that the kernel refuses something, and sensors that see nobody: what they are started with. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import type { Ending } from './lab.js';
import { testTool } from './test-tool.js';

/** @returns the path of a script that runs the sensor behind `prefix`, for the configuration key sensor.path. */
function sensorBehind(test: Ending, prefix: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-sensor-'));
  const script = join(directory, 'stuckd-sensor');
  test.after(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const words = [...prefix, builtSensorPath()].map((word) => `'${word}'`);
  writeFileSync(script, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}

/** A sensor for which some system calls fail. @param what the options of refuse.c */
export async function refusedSensor(test: Ending, ...what: readonly string[]): Promise<string> {
  return sensorBehind(test, [await testTool('refuse', 'test/support/refuse/refuse.c'), ...what, '--']);
}

/** A sensor in a pid namespace of its own, in which its sweeps meet no process but itself. */
export function lonelySensor(test: Ending): string {
  return sensorBehind(test, ['/usr/bin/unshare', '--pid', '--fork', '--kill-child', '--']);
}
