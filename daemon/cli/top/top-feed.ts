/** What `stuckctl top` asks the daemon for: a watch for as long as it lasts, and totals now and then. */
import { setTimeout as delay } from 'node:timers/promises';
import { Backoff } from '../../lib/backoff.js';
import { escapeForTerminal } from '../../lib/terminal.js';
import { CallError, type ConnectionFilterRequest, type StuckdClient } from '../../rpc/grpc-client.js';
import type { FollowedRecords } from './followed-records.js';
import { totalsOf, type TopTotals } from './top-rows.js';
import type { Link, Page } from './top-view.js';

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 5000;

/** Totals change with every sweep, and the daemon joins all its records for an answer. */
const TOTALS_PERIOD_MS = 5000;
/** As many processes as one page holds; the rows of others have no total. */
const PROCESSES_MAX = 500;

export interface FeedEvents {
  /** Something that can be seen has changed. */
  changed(): void;
  linked(link: Link): void;
  counted(totals: TopTotals, problems: readonly string[]): void;
}

const LIVE: Link = { isLive: true, reason: '', sinceMs: 0 };

/** Resolves when the signal says so. @throws CallError if the daemon will never answer this question. */
export async function followRecords(
  client: StuckdClient,
  filter: ConnectionFilterRequest,
  records: FollowedRecords,
  events: FeedEvents,
  nowMs: () => number,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff(RETRY_MIN_MS, RETRY_MAX_MS, 0);
  let sinceMs: number | null = null;
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    let isReached = false;
    let reason = 'the watch was ended';
    records.restart();
    try {
      for await (const { changes } of client.watchResponses(filter, '', signal)) {
        if (!isReached) {
          isReached = true;
          sinceMs = null;
          events.linked(LIVE);
        }
        for (const change of changes) {
          records.accept(change);
        }
        events.changed();
      }
    } catch (error) {
      if (!(error instanceof CallError) || error.failure === 'invalid') {
        throw error;
      }
      reason = error.message;
    }
    if (!isStopped()) {
      sinceMs ??= nowMs();
      events.linked({ isLive: false, reason: escapeForTerminal(reason), sinceMs });
      await pause(backoff.next(isReached ? 0 : -1), signal);
    }
  }
}

/** Resolves when the signal says so. What fails here fails for the watch too, which tells it. */
export async function followTotals(
  client: StuckdClient,
  filter: ConnectionFilterRequest,
  events: FeedEvents,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const request = { filter, pageSize: PROCESSES_MAX };
      const [{ processes }, { problems }] = await Promise.all([client.listProcesses(request), client.getStatus()]);
      events.counted(totalsOf(processes), problems.map(escapeForTerminal));
    } catch (error) {
      if (!(error instanceof CallError)) {
        throw error;
      }
    }
    await pause(TOTALS_PERIOD_MS, signal);
  }
}

/** One connection in full; what went wrong is part of the answer. */
export async function askForPage(client: StuckdClient, id: string): Promise<Page> {
  try {
    return { id, response: await client.getStuckConnection(id) };
  } catch (error) {
    if (!(error instanceof CallError)) {
      throw error;
    }
    const { failure, message } = error;
    const problem =
      failure === 'not_found' ? 'stuckd does not know this connection any more.' : escapeForTerminal(message);
    return { id, problem };
  }
}

/** Ends early, and without an error, with the signal. */
async function pause(forMs: number, signal: AbortSignal): Promise<void> {
  await delay(forMs, undefined, { signal }).catch(() => undefined);
}
