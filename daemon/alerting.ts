/** Puts together what becomes of stuck connections: the alert rules, what of them is on disk, and who is told. */
import { alertConfig } from './alert-config.js';
import { AlertEngine } from './alerts/alert-engine.js';
import type { Config } from './config.js';
import { historyLimits } from './config-history.js';
import { receiverNames } from './config-receivers.js';
import type { TableFill } from './core/agent-facts.js';
import type { AlertSource } from './core/alert.js';
import type { AlertCounters } from './core/alerts/alert-state.js';
import type { SavedAlert, SavedAlerts } from './core/alerts/alert-messages.js';
import type { DeliverySource } from './core/delivery.js';
import type { AlertingReport, RecordSource, WallClock, WorkloadSource } from './core/ports.js';
import type { ConnectionTotals } from './core/totals.js';
import type { CleanupStack } from './lib/cleanup-stack.js';
import type { Logger } from './lib/logger.js';
import { AlertHistory } from './rpc/alert-history.js';
import { alertToJson } from './rpc/alert-json.js';
import { alertToProto } from './rpc/alert-mapping.js';
import { AlertDelivery } from './sinks/alert-delivery.js';
import { deliveryProblems } from './sinks/delivery-problems.js';
import { FiringAlertStore } from './store/firing-alerts.js';
import type { History } from './store/history.js';
import { StateSaver } from './store/state-saver.js';

/** How long requests to receivers that are under way may take when the daemon stops. */
const DRAIN_MS = 3000;

export interface AlertingParts {
  readonly config: Config;
  /** What this node is called. */
  readonly node: string;
  readonly clock: WallClock;
  readonly records: RecordSource;
  readonly workloads: WorkloadSource;
  readonly totals: ConnectionTotals;
  readonly log: Logger;
  /** What is kept of alerts on disk. */
  readonly history: History;
  /** What came of the last attempt to save what fires; null if it worked. */
  readonly onSaved: (error: Error | null) => void;
}

export class Alerting {
  readonly #parts: AlertingParts;
  readonly #engine: AlertEngine;
  /** Hears of every change before watches and receivers do. */
  readonly history: AlertHistory;
  readonly #delivery: AlertDelivery;
  #saver: StateSaver<SavedAlerts> | null = null;

  constructor(parts: AlertingParts) {
    const { config, node, clock, records, workloads, totals, log } = parts;
    this.#parts = parts;
    this.#engine = new AlertEngine({
      config: alertConfig(config, receiverNames(config)),
      ...{ clock, records, workloads, totals },
      onSaveable: () => {
        this.#saver?.touch();
      },
    });
    this.history = new AlertHistory(parts.history, this.#engine, clock, workloads);
    this.#delivery = new AlertDelivery({
      source: this.#engine,
      alertJson: (alert, withConnections) =>
        alertToJson(alertToProto(alert, clock.nowUs(), clock, workloads, withConnections ? alert.connections : [])),
      stateDir: config.stateDir,
      node,
      receivers: config.receivers,
      log,
    });
  }

  get alerts(): AlertSource {
    return this.#engine;
  }

  get deliveries(): DeliverySource {
    return this.#delivery;
  }

  /** Brings back what fired, and what was to be told, when the last run ended. @param cleanup learns how it ends */
  async start(cleanup: CleanupStack): Promise<void> {
    const { config, clock, log, onSaved, history } = this.#parts;
    const store = new FiringAlertStore(config.stateDir, clock);
    const [{ saved, isSameBoot, problem }] = await Promise.all([store.load(), this.history.open()]);
    cleanup.push('history of alerts', () => history.close());
    if (problem !== null) {
      log.warn(`the alerts of the last run are not known: ${problem}`);
    }
    this.#saver = new StateSaver<SavedAlerts>(store, () => this.#engine.saveable(), onSaved);
    cleanup.push('firing alerts', () => this.#saver?.close());
    cleanup.push('alert rules', () => {
      this.#engine.stop();
    });
    // What was told to be resolved is, though the daemon may have been killed before it saved that.
    const fires = ({ alert }: SavedAlert): boolean => !this.history.stream.hasEnded(alert.id);
    this.#engine.restore({ ...saved, alerts: saved.alerts.filter(fires) }, isSameBoot);
    void this.history.settle();
    await this.#delivery.start();
    cleanup.push('deliveries', () => this.#delivery.stop(DRAIN_MS));
  }

  /** The first complete picture is there: what was restored and is not in it is over, and receivers are told so. */
  settle(): void {
    this.#engine.settle();
    this.#delivery.resolveVanished();
  }

  /** A sweep has counted connections anew. */
  recount(): void {
    this.#engine.recount();
  }

  reconfigure(config: Config): void {
    this.#engine.reconfigure(alertConfig(config, receiverNames(config)));
    this.#parts.history.setLimits(historyLimits(config.history.disk));
    this.#delivery.reload(config.receivers);
  }

  /** What found no room, and how full the tables of alerts and deliveries are. */
  facts(): {
    readonly counters: Readonly<AlertCounters>;
    readonly firing: TableFill;
    readonly connections: TableFill;
    readonly outbox: TableFill;
    /** Of messages to receivers, all together. */
    readonly outboxDropped: number;
    /** Entries of the history of alerts that were never written. */
    readonly historyDropped: number;
  } {
    return {
      counters: this.#engine.counters,
      firing: { entries: this.#engine.firing().length, capacity: this.#engine.config.maxFiring },
      connections: { entries: this.#engine.members, capacity: this.#engine.config.maxMembers },
      outbox: this.#delivery.fill,
      outboxDropped: this.#delivery.dropped,
      historyDropped: this.#parts.history.dropped,
    };
  }

  /** How alerts and receivers fare, what has no room, what is not kept, and what receivers could not be told. */
  status(): { readonly report: AlertingReport; readonly problems: readonly string[] } {
    const { fired, resolved, alertsRefused, membersRefused } = this.#engine.counters;
    const delivery = this.#delivery.status();
    return {
      report: {
        firing: this.#engine.firing().length,
        ...{ fired, resolved, alertsDropped: alertsRefused, connectionsDropped: membersRefused },
        receivers: delivery.receivers,
      },
      problems: [...this.#engine.problems(), ...this.#parts.history.problems, ...deliveryProblems(delivery)],
    };
  }
}
