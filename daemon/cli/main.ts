#!/usr/bin/env node
/** stuckctl: gives the command the process's own world, and the process its exit code. */
import { existsSync, readFileSync } from 'node:fs';
import type { CliIo } from './cli-io.js';
import { runCli } from './run-cli.js';

/** The version in the package.json above this file, wherever the build put it. */
function packageVersion(): string {
  for (const up of ['../../', '../../../']) {
    const file = new URL(`${up}package.json`, import.meta.url);
    if (existsSync(file)) {
      const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown };
      return String(version);
    }
  }
  return 'unknown';
}

function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Once: a second signal ends the process whatever it does.
    process.once(name, () => {
      controller.abort();
    });
  }
  return controller.signal;
}

const io: CliIo = {
  env: process.env,
  isTerminal: process.stdout.isTTY,
  columns: process.stdout.isTTY ? process.stdout.columns : Infinity,
  write: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error) {
          reject(error);
        } else {
          resolve();
        }
      });
    }),
  writeError: (text) => {
    process.stderr.write(text);
  },
  nowMs: Date.now,
  interruptSignal,
};

// The reader of our output went away (`stuckctl watch | head`): nobody is left to tell, and nothing is wrong.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exit(await runCli(process.argv.slice(2), packageVersion(), io));
