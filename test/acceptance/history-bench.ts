/** The gRPC half of the daemon with a history on a real disk; the records come from memory. It can be started again. */
import { ConnectionHistory } from '../../daemon/rpc/connection-history.js';
import type { ConnectionFilterRequest, StuckdClient, WatchChange } from '../../daemon/rpc/grpc-client.js';
import type { WatchLimits } from '../../daemon/rpc/watch-session.js';
import type { HistoryLimits } from '../../daemon/store/history.js';
import { createClock, createWorkloads, FakeRecords } from '../unit/rpc/sample-records.js';
import { StoredBench, type StoredRun, WatchFollower } from './stored-bench.js';

/** One client of WatchStuckConnections. */
export class Follower extends WatchFollower<WatchChange> {
  constructor(client: StuckdClient, resumeToken = '', filter: ConnectionFilterRequest = {}) {
    super((signal) => client.watchResponses(filter, resumeToken, signal));
  }

  override get words(): string[] {
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
}

/** What one start of it has. */
export interface HistoryRun extends StoredRun {
  readonly records: FakeRecords;
  readonly connections: ConnectionHistory;
}

export class HistoryBench extends StoredBench {
  /** @param records what is open when it starts, as if the tracker had it back after a restart */
  async start(
    records = new FakeRecords(),
    limits: Partial<HistoryLimits> = {},
    watchLimits: Partial<WatchLimits> = {},
  ): Promise<HistoryRun> {
    const history = this.createHistory('connections', limits);
    const connections = new ConnectionHistory(history, records, createClock(), createWorkloads());
    await connections.open();
    await connections.settle();
    const server = await this.rpc.serve({ records, history: connections, watchLimits });
    return { records, history, connections, server, client: this.rpc.connect() };
  }

  follow(client: StuckdClient, resumeToken = '', filter: ConnectionFilterRequest = {}): Follower {
    return this.keep(new Follower(client, resumeToken, filter));
  }
}
