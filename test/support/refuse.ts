/** Sensors that the kernel refuses something, and sensors that see nobody: what they are started with. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtSensorPath } from '../../daemon/sensor/sensor-path.js';
import type { Ending } from './lab.js';
import { testTool } from './test-tool.js';

/** Where the kernel shows its own BTF. */
const BTF_DIRECTORY = '/sys/kernel/btf';

/**
 * @param options of the sensor, which go behind those that it is started with, and decide
 * @returns the path of a script that runs the sensor behind `prefix`, for the configuration key sensor.path.
 */
function sensorBehind(test: Ending, prefix: readonly string[], options: readonly string[] = []): string {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-sensor-'));
  const script = join(directory, 'stuckd-sensor');
  test.after(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const quote = (word: string): string => `'${word}'`;
  const command = [...prefix, builtSensorPath()].map(quote).join(' ');
  writeFileSync(script, `#!/bin/sh\nexec ${command} "$@" ${options.map(quote).join(' ')}\n`);
  chmodSync(script, 0o755);
  return script;
}

/** A sensor with further options. */
export function sensorWith(test: Ending, ...options: readonly string[]): string {
  return sensorBehind(test, [], options);
}

async function refusing(what: readonly string[]): Promise<readonly string[]> {
  return [await testTool('refuse', 'test/support/refuse/refuse.c'), ...what, '--'];
}

/** A sensor for which some system calls fail. @param what the options of refuse.c */
export async function refusedSensor(test: Ending, ...what: readonly string[]): Promise<string> {
  return sensorBehind(test, await refusing(what));
}

/** The same with `--mode ebpf`: one that does not poll instead. */
export async function refusedEbpfSensor(test: Ending, ...what: readonly string[]): Promise<string> {
  return sensorBehind(test, await refusing(what), ['--mode', 'ebpf']);
}

/** A sensor in a mount namespace in which the kernel does not show its BTF. @param options of the sensor */
export function sensorWithoutBtf(test: Ending, ...options: readonly string[]): string {
  return sensorBehind(test, hidingBtf(), options);
}

/** The same on a kernel that has none, as far as the sensor can tell. */
export async function sensorOfKernelWithoutBtf(test: Ending, ...options: readonly string[]): Promise<string> {
  return sensorBehind(test, [...hidingBtf(), ...(await refusing(['--btf']))], options);
}

function hidingBtf(): readonly string[] {
  const hide = `mount -t tmpfs none ${BTF_DIRECTORY} && exec "$@"`;
  return ['/usr/bin/unshare', '--mount', '--', '/bin/sh', '-c', hide, 'sh'];
}

/** A sensor in a pid namespace of its own, in which its sweeps meet no process but itself. */
export function lonelySensor(test: Ending): string {
  return sensorBehind(test, ['/usr/bin/unshare', '--pid', '--fork', '--kill-child', '--']);
}
