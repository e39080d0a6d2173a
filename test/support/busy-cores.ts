import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Ending } from './lab.js';

/** Keeps every core busy, and one process waiting, until the test ends. */
export function keepCoresBusy(test: Ending): void {
  const spinners: ChildProcess[] = [];
  test.after(() => {
    for (const spinner of spinners) {
      spinner.kill('SIGKILL');
    }
  });
  for (let index = 0; index <= availableParallelism(); index += 1) {
    // It must not outlive a test that is killed.
    spinners.push(spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }));
  }
}
