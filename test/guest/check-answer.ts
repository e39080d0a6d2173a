/** `stuckd check -o json` of the built daemon. */
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { runProgram } from '../support/run-program.js';
import { DAEMON_PROGRAM } from '../support/stuckd.js';

export interface CheckAnswer {
  readonly code: number | null;
  readonly canRun: boolean;
  readonly features: readonly {
    readonly name: string;
    readonly available: boolean;
    readonly required: boolean;
    readonly how: string;
    readonly loss: string;
  }[];
  /** All of it, for messages. */
  readonly text: string;
}

export async function check(): Promise<CheckAnswer> {
  const { code, stdout } = await runProgram([
    process.execPath,
    join(packageRoot(), DAEMON_PROGRAM),
    ...['check', '-o', 'json'],
  ]);
  return { ...(JSON.parse(stdout) as Omit<CheckAnswer, 'code' | 'text'>), code, text: stdout };
}

/** @throws Error if there is no such feature */
export function featureOf(answer: CheckAnswer, name: string): CheckAnswer['features'][number] {
  const feature = answer.features.find((candidate) => candidate.name === name);
  if (feature === undefined) {
    throw new Error(`stuckd check does not speak of ${name}: ${answer.text}`);
  }
  return feature;
}
