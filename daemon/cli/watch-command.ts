/** `stuckctl watch`: follows until interrupted, across restarts of the daemon. */
import { escapeForTerminal } from '../lib/terminal.js';
import { CallError } from '../rpc/grpc-client.js';
import type { StuckdClient, WatchChange } from '../rpc/grpc-client.js';
import { toProtoJson } from '../rpc/proto-json.js';
import type { Command } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { jsonLine, styleFor } from './commands.js';
import { WatchLines, type WatchOutput } from './watch-lines.js';
import { WatchRetry } from './watch-retry.js';

type WatchCommand = Extract<Command, { name: 'watch' }>;

/** Learns that the daemon is lost, and that it is back; what it writes is waited for. */
export interface LossTeller {
  lost(reason: string): Promise<void>;
  /** @param isComplete the watch goes on where it was; else a new snapshot has come. */
  back(isComplete: boolean): Promise<void>;
}

const SNAPSHOT_NOTE = 'connected again with a new snapshot: what changed in between was not told\n';

/** What comes at once, and where to go on after it; an empty token begins with a snapshot. */
interface WatchedChanges<Change> {
  readonly changes: readonly Change[];
  readonly resumeToken: string;
}

/** Begins a watch, which the signal ends. */
export type OpenWatch<Change> = (resumeToken: string, signal: AbortSignal) => AsyncIterable<WatchedChanges<Change>>;

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

/** @param lineOf a change as one line of JSON */
export function jsonFollower<Change extends object>(
  io: CliIo,
  lineOf = (change: Change): string => jsonLine(toProtoJson(change)),
): Follower<Change> {
  return {
    accept: (change) => io.write(lineOf(change)),
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

function lossTeller(io: CliIo): LossTeller {
  return {
    lost: (reason) => {
      io.writeError(`connection lost (${escapeForTerminal(reason)}); trying again until Ctrl-C\n`);
      return Promise.resolve();
    },
    back: (isComplete) => {
      io.writeError(isComplete ? 'connected again, resumed: nothing was missed\n' : SNAPSHOT_NOTE);
      return Promise.resolve();
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
  await followChanges((token, signal) => client.watchResponses(command.filter, token, signal), io, follower);
}

/** Resolves when interrupted. @throws CallError if following is not possible, or not any more. */
export async function followChanges<Change extends { readonly lost?: unknown }>(
  open: OpenWatch<Change>,
  io: CliIo,
  follower: Follower<Change>,
  teller: LossTeller = lossTeller(io),
): Promise<void> {
  try {
    await follow(open, io.interruptSignal(), follower, teller);
  } finally {
    await follower.close();
  }
}

async function follow<Change extends { readonly lost?: unknown }>(
  open: OpenWatch<Change>,
  signal: AbortSignal,
  follower: Follower<Change>,
  teller: LossTeller,
): Promise<void> {
  const stopped = (): boolean => signal.aborted;
  const retry = new WatchRetry();
  let resumeToken = '';
  let everReached = false;
  let isLost = false;
  while (!stopped()) {
    let reachedNow = false;
    let reason = 'the watch was ended';
    const isResumed = resumeToken !== '';
    if (!isResumed) {
      follower.restart();
    }
    try {
      for await (const response of open(resumeToken, signal)) {
        // An empty first response says that the token was accepted; whether all that was missed can be told shows then.
        const isAcceptance = isResumed && !reachedNow && response.changes.length === 0;
        if (isLost && !isAcceptance) {
          const isComplete = isResumed && !response.changes.some(({ lost }) => lost);
          await teller.back(isComplete);
          isLost = false;
        }
        everReached = true;
        reachedNow = true;
        for (const change of response.changes) {
          await follower.accept(change);
        }
        ({ resumeToken } = response);
      }
    } catch (error) {
      if (!(error instanceof CallError) || !mayRetry(error, everReached, reachedNow)) {
        throw error;
      }
      if (error.failure === 'expired' && isResumed && !reachedNow) {
        resumeToken = '';
        continue;
      }
      reason = error.message;
    }
    if (!stopped()) {
      if (!isLost) {
        await teller.lost(reason);
        isLost = true;
      }
      await retry.wait(reachedNow, signal);
    }
  }
}
