/** Sensors that the kernel refuses something, and sensors that see nobody: what they are started with. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import type { Ending } from './lab.js';
import { packageRoot } from './package-root.js';

let built: Promise<string> | undefined;

/** Compiles refuse.c, once in each process. Another process may run what is there, so it is replaced, not written. */
async function compile(): Promise<string> {
  const root = packageRoot();
  const directory = join(root, 'build/test-tools');
  const program = join(directory, 'refuse');
  const fresh = `${program}.${String(process.pid)}`;
  mkdirSync(directory, { recursive: true });
  const options = ['-O2', '-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
  await promisify(execFile)('cc', [...options, join(root, 'test/support/refuse/refuse.c'), '-o', fresh]);
  renameSync(fresh, program);
  return program;
}

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
  built ??= compile();
  return sensorBehind(test, [await built, ...what, '--']);
}

/** A sensor in a pid namespace of its own, in which its sweeps meet no process but itself. */
export function lonelySensor(test: Ending): string {
  return sensorBehind(test, ['/usr/bin/unshare', '--pid', '--fork', '--kill-child', '--']);
}
