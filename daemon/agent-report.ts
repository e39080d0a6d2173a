/** What the agent knows about itself for its metrics: what was lost where, and how full its tables are. */
import type { Alerting } from './alerting.js';
import type { AgentFacts } from './core/agent-facts.js';
import type { GrpcServer } from './rpc/grpc-server.js';
import type { SensorLosses } from './sensor-losses.js';
import { untrackedCount } from './status-report.js';
import type { History } from './store/history.js';
import type { TotalsEngine } from './tracker/totals-engine.js';
import type { TrackerEngine } from './tracker/tracker-engine.js';

export interface AgentParts {
  readonly losses: SensorLosses;
  readonly engine: TrackerEngine;
  readonly totals: TotalsEngine;
  readonly alerting: Alerting;
  readonly history: History;
  /** Null before it listens. */
  readonly grpc: GrpcServer | null;
  readonly reload: AgentFacts['reload'];
  /** Connections that the HTTP endpoint had no room for. */
  readonly httpDropped: number;
}

export function buildAgentFacts(parts: AgentParts): AgentFacts {
  const { losses, engine, totals, alerting, history, grpc, reload, httpDropped } = parts;
  const counters = losses.totals;
  const tracker = engine.state;
  const alerts = alerting.facts();
  const watches = grpc?.watches();
  return {
    counters,
    dropped: {
      ring_buffer: counters.ringDropped,
      marks: counters.markFailed,
      watch_requests: counters.watchRejected,
      totals: counters.countRejected + counters.holdingsDropped,
      tracker: untrackedCount(tracker),
      stale_reuses: tracker.counters.reusesDropped,
      holders: tracker.counters.holdersDropped,
      subscribers: watches?.lost ?? 0,
      alerts: alerts.counters.alertsRefused,
      alert_connections: alerts.counters.membersRefused,
      outbox: alerts.outboxDropped,
      history: history.dropped + alerts.historyDropped,
      http_connections: httpDropped,
    },
    tables: {
      tracked_connections: { entries: tracker.entries.size, capacity: tracker.config.maxTracked },
      firing_alerts: alerts.firing,
      alert_connections: alerts.connections,
      subscribers: watches?.fill ?? { entries: 0, capacity: 0 },
      outbox: alerts.outbox,
      counted_totals: totals.fill,
    },
    subscribers: watches?.open ?? { connections: 0, alerts: 0 },
    reload,
  };
}
