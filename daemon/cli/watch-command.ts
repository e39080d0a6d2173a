/** `stuckctl watch`: follows until interrupted, across restarts of the daemon. */
import { setTimeout as delay } from 'node:timers/promises';
import { escapeForTerminal } from '../lib/terminal.js';
import { CallError } from '../rpc/grpc-client.js';
import type { StuckdClient, WatchChange } from '../rpc/grpc-client.js';
import { toProtoJson } from '../rpc/proto-json.js';
import type { Command } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { jsonLine, styleFor } from './commands.js';
import { WatchLines, type WatchOutput } from './watch-lines.js';

type WatchCommand = Extract<Command, { name: 'watch' }>;

const RETRY_MS = 500;

/** Takes changes, and learns when a new watch begins. */
export interface Follower<Change> {
  accept(change: Change): Promise<void>;
  restart(): void;
  close(): Promise<void>;
}

/** What turns changes into lines. */
interface Lines<Change> {
  accept(change: Change): void;
  restart(): void;
  close?(): void;
}

export function jsonFollower<Change extends object>(io: CliIo): Follower<Change> {
  return {
    accept: (change) => io.write(jsonLine(toProtoJson(change))),
    restart: () => undefined,
    close: () => Promise.resolve(),
  };
}

export function lineFollower<Change>(io: CliIo, create: (output: WatchOutput) => Lines<Change>): Follower<Change> {
  let written = Promise.resolve();
  const lines = create({
    line: (text) => {
      written = written.then(() => io.write(text));
    },
    note: (text) => {
      io.writeError(text);
    },
  });
  return {
    accept: (change) => {
      lines.accept(change);
      return written;
    },
    restart: () => {
      lines.restart();
    },
    close: () => {
      lines.close?.();
      return written;
    },
  };
}

/** A daemon that was reached before comes back, as a rule; one that never answered is told to the user at once. */
function mayRetry(error: CallError, everReached: boolean, reachedNow: boolean): boolean {
  return everReached && error.failure !== 'invalid' && (reachedNow || error.failure !== 'failed');
}

/** Resolves when interrupted. @throws CallError if following is not possible, or not any more. */
export async function watch(command: WatchCommand, client: StuckdClient, io: CliIo): Promise<void> {
  const follower =
    command.output === 'table'
      ? lineFollower<WatchChange>(io, (output) => new WatchLines(output, styleFor(io), () => io.nowMs()))
      : jsonFollower<WatchChange>(io);
  await followChanges((signal) => client.watch(command.filter, signal), io, follower);
}

/**
 * Resolves when interrupted. @throws CallError if following is not possible, or not any more.
 * @param open begins a watch, which the signal ends.
 */
export async function followChanges<Change>(
  open: (signal: AbortSignal) => AsyncIterable<Change>,
  io: CliIo,
  follower: Follower<Change>,
): Promise<void> {
  try {
    await follow(open, io, follower);
  } finally {
    await follower.close();
  }
}

async function follow<Change>(
  open: (signal: AbortSignal) => AsyncIterable<Change>,
  io: CliIo,
  follower: Follower<Change>,
): Promise<void> {
  const signal = io.interruptSignal();
  const stopped = (): boolean => signal.aborted;
  let everReached = false;
  let announced = false;
  while (!stopped()) {
    let reachedNow = false;
    let reason = 'the watch was ended';
    follower.restart();
    try {
      for await (const change of open(signal)) {
        if (announced) {
          io.writeError('connected again\n');
          announced = false;
        }
        everReached = true;
        reachedNow = true;
        await follower.accept(change);
      }
    } catch (error) {
      if (!(error instanceof CallError) || !mayRetry(error, everReached, reachedNow)) {
        throw error;
      }
      reason = error.message;
    }
    if (!stopped()) {
      if (!announced) {
        io.writeError(`the connection to stuckd ended (${escapeForTerminal(reason)}); trying again until Ctrl-C\n`);
        announced = true;
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
