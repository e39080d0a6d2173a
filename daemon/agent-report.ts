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
}

export function buildAgentFacts({ losses, engine, totals, alerting, history, grpc, reload }: AgentParts): AgentFacts {
  const { counters } = losses;
  const tracker = engine.state;
  const alerts = alerting.facts();
  const watches = grpc?.watches();
  return {
    counters,
    dropped: {
      ring_buffer: counters?.ringDropped ?? 0,
      marks: counters?.markFailed ?? 0,
      watches: counters?.watchRejected ?? 0,
      totals: (counters?.countRejected ?? 0) + (counters?.holdingsDropped ?? 0),
      tracker: untrackedCount(tracker),
      stale_reuses: tracker.counters.reusesDropped,
      holders: tracker.counters.holdersDropped,
      subscribers: watches?.lost ?? 0,
      alerts: alerts.counters.alertsRefused,
      alert_connections: alerts.counters.membersRefused,
      outbox: alerts.outboxDropped,
      history: history.dropped + alerts.historyDropped,
    },
    tables: {
      tracked_connections: { entries: tracker.entries.size, capacity: tracker.config.maxTracked },
      ended_records: engine.endedFill,
      firing_alerts: alerts.firing,
      alert_connections: alerts.connections,
      subscribers: watches?.fill ?? { entries: 0, capacity: 0 },
      outbox: alerts.outbox,
      counted_totals: totals.fill,
      idle_limits: { entries: tracker.idleLimits.size, capacity: tracker.config.maxIdleLimits },
    },
    subscribers: watches?.open ?? { connections: 0, alerts: 0 },
    reload,
  };
}
