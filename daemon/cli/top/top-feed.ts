/** What `stuckctl top` hears of the daemon all the time: a watch for as long as it lasts, and totals now and then. */
import { escapeForTerminal } from '../../lib/terminal.js';
import { CallError, type ConnectionFilterRequest, type StuckdClient } from '../../rpc/grpc-client.js';
import { type Pause, WatchRetry } from '../watch-retry.js';
import type { FollowedRecords } from './followed-records.js';
import { totalsOf, type TopTotals } from './top-rows.js';
import type { Link } from './top-view.js';

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

export interface Feed {
  readonly client: Pick<StuckdClient, 'watchResponses' | 'listProcesses' | 'getStatus'>;
  readonly filter: ConnectionFilterRequest;
  readonly events: FeedEvents;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly pause: Pause;
}

const LIVE: Link = { isLive: true, reason: '', sinceMs: 0 };

/** Resolves when the signal says so. @throws CallError if the daemon will never answer this question. */
export async function followRecords(
  { client, filter, events, nowMs, pause }: Feed,
  records: FollowedRecords,
  signal: AbortSignal,
): Promise<void> {
  const retry = new WatchRetry(pause);
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
      await retry.wait(isReached, signal);
    }
  }
}

/** Resolves when the signal says so. What fails here fails for the watch too, which tells it. */
export async function followTotals({ client, filter, events, pause }: Feed, signal: AbortSignal): Promise<void> {
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
