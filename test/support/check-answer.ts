/** `stuckd check` of the built daemon, as text and as JSON. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ending } from './lab.js';
import { packageRoot } from './package-root.js';
import { type ProgramResult, runProgram } from './run-program.js';
import { DAEMON_PROGRAM } from './stuckd.js';

/** What stuckd says of one thing. */
export interface CheckedFeature {
  readonly name: string;
  readonly available: boolean;
  readonly required: boolean;
  readonly how: string;
  readonly loss: string;
}

/** The JSON document. */
export interface CheckAnswer {
  readonly canRun: boolean;
  readonly features: readonly CheckedFeature[];
}

export interface CheckResult extends CheckAnswer {
  readonly code: number | null;
  /** All of it, for messages. */
  readonly text: string;
}

/** @param sensorPath what is started as the sensor; null: the sensor */
export function check(test: Ending, sensorPath: string | null, ...options: string[]): Promise<ProgramResult> {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-check-'));
  test.after(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const config = join(directory, 'stuckd.yaml');
  writeFileSync(config, JSON.stringify(sensorPath === null ? {} : { sensor: { path: sensorPath } }));
  return runProgram([process.execPath, join(packageRoot(), DAEMON_PROGRAM), 'check', '--config', config, ...options]);
}

/** As `check`, with -o json; nothing may be written to standard error. */
export async function checkJson(test: Ending, sensorPath: string | null = null): Promise<CheckResult> {
  const { code, stdout, stderr } = await check(test, sensorPath, '-o', 'json');
  assert.equal(stderr, '');
  return { code, text: stdout, ...(JSON.parse(stdout) as CheckAnswer) };
}

/** Asserts that stuckd speaks of it. */
export function featureOf({ features }: CheckAnswer, name: string): CheckedFeature {
  const found = features.find((feature) => feature.name === name);
  assert.ok(found, `no ${name} among ${features.map((feature) => feature.name).join(', ')}`);
  return found;
}
