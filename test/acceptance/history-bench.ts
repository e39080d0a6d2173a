/** The gRPC half of the daemon with a history on a real disk; the records come from memory. It can be started again. */
import { join } from 'node:path';
import type { WatchLimits } from '../../daemon/rpc/watch-session.js';
import { ConnectionHistory } from '../../daemon/rpc/connection-history.js';
import type { ConnectionFilterRequest, StuckdClient, WatchChange } from '../../daemon/rpc/grpc-client.js';
import type { GrpcServer } from '../../daemon/rpc/grpc-server.js';
import { History, type HistoryLimits } from '../../daemon/store/history.js';
import { waitFor } from '../support/wait-for.js';
import { createClock, createWorkloads, FakeRecords } from '../unit/rpc/sample-records.js';
import { RpcBench } from './rpc-harness.js';

const LIMITS: HistoryLimits = { maxAgeMs: 86_400_000, maxBytes: 64 << 20, journalMaxBytes: 64 << 20 };

/** One client of WatchStuckConnections, which remembers what it got. */
export class Follower {
  readonly changes: WatchChange[] = [];
  /** Of every response. */
  readonly tokens: string[] = [];
  /** What ended it, if anything did. */
  error: unknown = null;
  readonly #stop = new AbortController();

  constructor(client: StuckdClient, resumeToken = '', filter: ConnectionFilterRequest = {}) {
    void this.#follow(client, resumeToken, filter);
  }

  /** Of the last response. */
  get token(): string {
    return this.tokens.at(-1) ?? '';
  }

  /** Changes as words: `opened c2`. */
  get words(): string[] {
    return this.changes.map((change) => {
      const { snapshotItem, opened, updated, ended, snapshotEnd, lost } = change;
      const [kind, item] = Object.entries({ snapshotItem, opened, updated, ended }).find(([, value]) => value) ?? [];
      return kind === undefined
        ? snapshotEnd
          ? 'snapshotEnd'
          : lost
            ? 'lost'
            : 'nothing'
        : `${kind} ${item?.id ?? ''}`;
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(client: StuckdClient, resumeToken: string, filter: ConnectionFilterRequest): Promise<void> {
    try {
      for await (const response of client.watchResponses(filter, resumeToken, this.#stop.signal)) {
        this.changes.push(...response.changes);
        this.tokens.push(response.resumeToken);
      }
    } catch (error) {
      this.error = error;
    }
  }
}

/** What one start of it has. */
export interface HistoryRun {
  readonly records: FakeRecords;
  readonly history: History;
  readonly connections: ConnectionHistory;
  readonly server: GrpcServer;
  readonly client: StuckdClient;
}

export class HistoryBench {
  readonly rpc = new RpcBench();
  readonly directory = join(this.rpc.directory.path, 'history');
  /** Lines that were logged. */
  readonly log: string[] = [];
  readonly #histories = new Set<History>();
  readonly #followers: Follower[] = [];

  /** @param records what is open when it starts, as if the tracker had it back after a restart */
  async start(
    records = new FakeRecords(),
    limits: Partial<HistoryLimits> = {},
    watchLimits: Partial<WatchLimits> = {},
  ): Promise<HistoryRun> {
    const keep = (message: string): void => {
      this.log.push(message);
    };
    const log = { info: keep, warn: keep, error: keep };
    const history = new History(this.directory, 'connections', { ...LIMITS, ...limits }, log);
    this.#histories.add(history);
    const clock = createClock();
    const connections = new ConnectionHistory(history, records, clock, createWorkloads());
    await connections.open();
    await connections.settle();
    const server = await this.rpc.serve({ records, history: connections, watchLimits });
    return { records, history, connections, server, client: this.rpc.connect() };
  }

  follow(client: StuckdClient, resumeToken = '', filter: ConnectionFilterRequest = {}): Follower {
    const follower = new Follower(client, resumeToken, filter);
    this.#followers.push(follower);
    return follower;
  }

  /** Ends in good order. */
  async stop({ client, server, history }: HistoryRun): Promise<void> {
    client.close();
    await server.drain(1000);
    await history.close();
    this.#histories.delete(history);
  }

  async untilWritten({ history }: HistoryRun): Promise<void> {
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
