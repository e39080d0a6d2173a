/** AlertService with a history on a real disk; the alerts come from memory. It can be started again. */
import { AlertHistory } from '../../daemon/rpc/alert-history.js';
import type { AlertFilterRequest, AlertWatchChange, StuckdClient } from '../../daemon/rpc/grpc-client.js';
import type { HistoryLimits } from '../../daemon/store/history.js';
import { FakeAlerts } from '../unit/rpc/sample-alerts.js';
import { createClock, createWorkloads } from '../unit/rpc/sample-records.js';
import { StoredBench, type StoredRun, WatchFollower } from './stored-bench.js';

/** `fired a1`; a snapshot ends with `end`. */
export function alertWords({ snapshotItem, snapshotEnd, fired, updated, resolved, lost }: AlertWatchChange): string {
  const [kind, alert] =
    Object.entries({ snapshotItem, fired, updated, resolved }).find(([, value]) => Boolean(value)) ?? [];
  return snapshotEnd ? 'end' : lost ? `lost ${String(lost.count)}` : `${kind ?? '?'} ${alert?.id ?? ''}`;
}

/** One client of WatchAlerts. */
export class AlertFollower extends WatchFollower<AlertWatchChange> {
  constructor(client: StuckdClient, resumeToken = '', filter: AlertFilterRequest = {}) {
    super((signal) => client.watchAlertResponses(filter, resumeToken, signal));
  }

  override get words(): string[] {
    return this.changes.map(alertWords);
  }
}

/** What one start of it has. */
export interface AlertRun extends StoredRun {
  readonly alerts: FakeAlerts;
}

export class AlertBench extends StoredBench {
  /** @param alerts what fires when it starts, as if the alert rules had it back after a restart */
  async start(alerts = new FakeAlerts(), limits: Partial<HistoryLimits> = {}): Promise<AlertRun> {
    const history = this.createHistory('alerts', limits);
    const alertHistory = new AlertHistory(history, alerts, createClock(), createWorkloads());
    await alertHistory.open();
    await alertHistory.settle();
    const server = await this.rpc.serve({ alerts, alertHistory });
    return { alerts, history, server, client: this.rpc.connect() };
  }

  follow(client: StuckdClient, resumeToken = '', filter: AlertFilterRequest = {}): AlertFollower {
    return this.keep(new AlertFollower(client, resumeToken, filter));
  }
}
