/** AlertService with a history on a real disk; the alerts come from memory. It can be started again. */
import { join } from 'node:path';
import { AlertHistory } from '../../daemon/rpc/alert-history.js';
import type { AlertFilterRequest, AlertWatchChange, StuckdClient } from '../../daemon/rpc/grpc-client.js';
import type { GrpcServer } from '../../daemon/rpc/grpc-server.js';
import { History, type HistoryLimits } from '../../daemon/store/history.js';
import { waitFor } from '../support/wait-for.js';
import { FakeAlerts } from '../unit/rpc/sample-alerts.js';
import { createClock, createWorkloads } from '../unit/rpc/sample-records.js';
import { RpcBench } from './rpc-harness.js';

const LIMITS: HistoryLimits = { maxAgeMs: 86_400_000, maxBytes: 64 << 20, journalMaxBytes: 64 << 20 };

/** `fired a1`; a snapshot ends with `end`. */
export function alertWords({ snapshotItem, snapshotEnd, fired, updated, resolved, lost }: AlertWatchChange): string {
  const [kind, alert] =
    Object.entries({ snapshotItem, fired, updated, resolved }).find(([, value]) => Boolean(value)) ?? [];
  return snapshotEnd ? 'end' : lost ? `lost ${String(lost.count)}` : `${kind ?? '?'} ${alert?.id ?? ''}`;
}

/** One client of WatchAlerts, which remembers what it got. */
export class AlertFollower {
  readonly changes: AlertWatchChange[] = [];
  /** Of every response. */
  readonly tokens: string[] = [];
  /** What ended it, if anything did. */
  error: unknown = null;
  readonly #stop = new AbortController();

  constructor(client: StuckdClient, resumeToken = '', filter: AlertFilterRequest = {}) {
    void this.#follow(client, resumeToken, filter);
  }

  /** Of the last response. */
  get token(): string {
    return this.tokens.at(-1) ?? '';
  }

  get words(): string[] {
    return this.changes.map(alertWords);
  }

  stop(): void {
    this.#stop.abort();
  }

  async untilHas(count: number): Promise<void> {
    await waitFor(() => this.changes.length >= count, { what: `${count} changes` });
  }

  async #follow(client: StuckdClient, resumeToken: string, filter: AlertFilterRequest): Promise<void> {
    try {
      for await (const response of client.watchAlertResponses(filter, resumeToken, this.#stop.signal)) {
        this.changes.push(...response.changes);
        this.tokens.push(response.resumeToken);
      }
    } catch (error) {
      this.error = error;
    }
  }
}

/** What one start of it has. */
export interface AlertRun {
  readonly alerts: FakeAlerts;
  readonly history: History;
  readonly server: GrpcServer;
  readonly client: StuckdClient;
}

export class AlertBench {
  readonly rpc = new RpcBench();
  readonly directory = join(this.rpc.directory.path, 'history');
  /** Lines that were logged. */
  readonly log: string[] = [];
  readonly #histories = new Set<History>();
  readonly #followers: AlertFollower[] = [];

  /** @param alerts what fires when it starts, as if the alert rules had it back after a restart */
  async start(alerts = new FakeAlerts(), limits: Partial<HistoryLimits> = {}): Promise<AlertRun> {
    const keep = (message: string): void => {
      this.log.push(message);
    };
    const log = { info: keep, warn: keep, error: keep };
    const history = new History(this.directory, 'alerts', { ...LIMITS, ...limits }, log);
    this.#histories.add(history);
    const alertHistory = new AlertHistory(history, alerts, createClock(), createWorkloads());
    await alertHistory.open();
    await alertHistory.settle();
    const server = await this.rpc.serve({ alerts, alertHistory });
    return { alerts, history, server, client: this.rpc.connect() };
  }

  follow(client: StuckdClient, resumeToken = '', filter: AlertFilterRequest = {}): AlertFollower {
    const follower = new AlertFollower(client, resumeToken, filter);
    this.#followers.push(follower);
    return follower;
  }

  /** Ends in good order. */
  async stop({ client, server, history }: AlertRun): Promise<void> {
    client.close();
    await server.drain(1000);
    await history.close();
    this.#histories.delete(history);
  }

  async untilWritten({ history }: AlertRun): Promise<void> {
    const { journal, ended } = history;
    await waitFor(() => journal.log.written === journal.last && ended.written === ended.last, { what: 'the disk' });
  }

  async clean(): Promise<void> {
    for (const follower of this.#followers) {
      follower.stop();
    }
    for (const history of this.#histories) {
      await history.close();
    }
    this.rpc.clean();
  }
}
