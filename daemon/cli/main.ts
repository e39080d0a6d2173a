#!/usr/bin/env node
/** stuckctl: gives the command the process's own world, and the process its exit code. */
import { VERSION } from '../lib/version.js';
import type { CliIo } from './cli-io.js';
import { runCli } from './run-cli.js';
import { processTerminal } from './top/process-terminal.js';

// grpc-js asks for the server by its address where it has no name, and Node prints a warning to whoever runs stuckctl.
process.noDeprecation = true;

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
  // Some terminals do not know their width and say 0.
  columns: process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : Infinity,
  terminal: process.stdin.isTTY && process.stdout.isTTY ? processTerminal(process.stdin, process.stdout) : null,
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
  if (error.code === 'EPIPE') {
    process.exit(0);
  }
  process.stderr.write(`stuckctl: the output cannot be written: ${error.message}\n`);
  process.exit(1);
});

process.exit(await runCli(process.argv.slice(2), VERSION, io));
