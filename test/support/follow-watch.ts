/** Follows a watch as a client should that a busy machine may cost its stream. */
import { setTimeout } from 'node:timers/promises';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';

const RETRY_MS = 100;

interface Response<Change> {
  readonly changes: readonly Change[];
  readonly resumeToken: string;
}

export interface Watch<Change> {
  /** Opens the stream where `resumeToken` says. */
  readonly open: (resumeToken: string) => AsyncIterable<Response<Change>>;
  readonly take: (change: Change) => void;
  readonly signal: AbortSignal;
  /** The daemon. */
  readonly process: ManagedProcess;
}

/**
 * Goes on where it was each time the stream ends, as long as there is a daemon and nobody aborts. On an emulated machine a
 * daemon may well be silent for longer than a client of ours waits.
 * @param onLoss hears why the stream ended.
 */
export async function followWatch<Change>(
  { open, take, signal, process }: Watch<Change>,
  onLoss: (reason: string) => void,
): Promise<void> {
  let token = '';
  while (!signal.aborted && process.running) {
    let isRefused = token !== '';
    try {
      for await (const { changes, resumeToken } of open(token)) {
        isRefused = false;
        token = resumeToken;
        changes.forEach(take);
      }
    } catch (error) {
      onLoss(String(error));
    }
    if (isRefused) {
      token = ''; // from a snapshot, then
    }
    await setTimeout(RETRY_MS);
  }
}
