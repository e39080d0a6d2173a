/** Runs programs of this package to their end, as a person would. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from './package-root.js';

export interface ProgramResult {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param env added to the environment of this process. */
export function runProgram(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const limit = setTimeout(() => child.kill('SIGKILL'), 120_000);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** The exit code of stuckctl when the daemon does not answer within the deadline of a call. */
const UNREACHABLE = 3;
const STUCKCTL_ATTEMPTS = 5;

/**
 * Tries again where a daemon that runs has not got its turn within the deadline, as on an emulated machine.
 * @param address where the daemon listens.
 */
export async function stuckctl(address: string, ...args: readonly string[]): Promise<ProgramResult> {
  const argv = [process.execPath, join(packageRoot(), 'build/bin/stuckctl.js'), ...args];
  for (let attempt = 1; ; attempt += 1) {
    const result = await runProgram(argv, { STUCKD_ADDRESS: address });
    if (result.code !== UNREACHABLE || attempt === STUCKCTL_ATTEMPTS) {
      return result;
    }
  }
}
