/** All metrics of a daemon: what feeds them while it runs, and what is asked when somebody scrapes. */
import type { AgentFacts } from '../core/agent-facts.js';
import type { AlertSource } from '../core/alert.js';
import type { RecordSource, StatusSource, WallClock, WorkloadSource } from '../core/ports.js';
import type { AuditSource } from '../core/audit/source.js';
import { isCompleteSweep, type PassReport } from '../core/snapshot.js';
import { setAgentMetrics } from './agent-metrics.js';
import { setAuditMetrics } from './audit-metrics.js';
import { EventLoopLag } from './event-loop-lag.js';
import { type Exposition, MetricSet } from './metric-set.js';
import { RecordMetrics } from './record-metrics.js';
import type { WorkloadLabel } from './workload-labels.js';

export interface MetricsOptions {
  readonly records: RecordSource;
  readonly workloads: WorkloadSource;
  readonly alerts: Pick<AlertSource, 'firing'>;
  readonly status: StatusSource;
  readonly audits: Pick<AuditSource, 'last' | 'failed'>;
  readonly facts: () => AgentFacts;
  readonly clock: WallClock;
  readonly workloadLabels: readonly WorkloadLabel[];
  readonly maxWorkloads: number;
}

export class Metrics {
  readonly #options: MetricsOptions;
  readonly #set: MetricSet;
  readonly #records: RecordMetrics;
  readonly #lag = new EventLoopLag();
  readonly #unsubscribe: () => void;
  #rendering: Promise<Exposition> | null = null;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#set = new MetricSet(options.workloadLabels);
    this.#records = new RecordMetrics({ ...options, metrics: this.#set });
    this.#unsubscribe = options.records.subscribe((change) => {
      this.#records.take(change);
    });
  }

  /** A pass of the sensor begins or ends. */
  passed(pass: PassReport): void {
    if (pass.kind === 'sweep' && pass.edge === 'end') {
      this.#set.add('sweepCpu', {}, pass.cpuUs / 1_000_000);
    }
    if (isCompleteSweep(pass)) {
      this.#set.observe('sweepDuration', {}, pass.durationUs / 1_000_000);
    } else if (pass.kind === 'sweep' && pass.edge === 'end') {
      this.#set.add('sweepsFailed', {});
    }
  }

  /** The text for Prometheus, of now. Scrapes that come at the same time share one. */
  async render(): Promise<Exposition> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = null;
    });
    return this.#rendering;
  }

  stop(): void {
    this.#unsubscribe();
    this.#lag.stop();
  }

  async #render(): Promise<Exposition> {
    const { status, facts, alerts, audits, clock } = this.#options;
    this.#records.update();
    this.#set.set('eventLoopLag', {}, this.#lag.takeMs() / 1000);
    setAgentMetrics(this.#set, status.status(), facts(), alerts.firing(), clock);
    setAuditMetrics(this.#set, audits, clock);
    return this.#set.render();
  }
}
