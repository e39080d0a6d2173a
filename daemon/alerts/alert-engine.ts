/** The shell around the alert rules: changes of records in, changes of alerts out, one timer; and what clients read. */
import type { Alert, AlertChange, AlertSource } from '../core/alert.js';
import type { AlertConfig } from '../core/alerts/alert-config.js';
import type { AlertInput, SavedAlerts } from '../core/alerts/alert-messages.js';
import { alertProblems } from '../core/alerts/alert-problems.js';
import { type AlertCounters, type AlertState, createAlertState } from '../core/alerts/alert-state.js';
import { nextDeadlineUs, step } from '../core/alerts/alerts.js';
import { saveableAlerts } from '../core/alerts/restore.js';
import type { RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import type { ConnectionTotals } from '../core/totals.js';

export interface AlertEngineOptions {
  readonly config: AlertConfig;
  readonly clock: WallClock;
  readonly records: RecordSource;
  readonly workloads: WorkloadSource;
  readonly totals: ConnectionTotals;
  /** Called when what must survive a restart has changed. */
  readonly onSaveable: () => void;
}

/** Resolved alerts that are kept in memory. */
const RESOLVED_MAX = 1000;

/** The longest that setTimeout() can wait; a longer wait is cut and armed again. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class AlertEngine implements AlertSource {
  readonly #options: AlertEngineOptions;
  readonly #state: AlertState;
  /** In the order in which they began to fire. */
  readonly #firing = new Map<string, Alert>();
  readonly #resolved: Alert[] = [];
  readonly #listeners = new Set<(change: AlertChange) => void>();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | null = null;
  #timerDueUs = Infinity;

  constructor(options: AlertEngineOptions) {
    this.#options = options;
    this.#state = createAlertState(options.config);
    this.#unsubscribe = options.records.subscribe((change) => {
      this.#apply({ type: 'record', change, workload: options.workloads.workloadOf(change.record) });
    });
  }

  get counters(): Readonly<AlertCounters> {
    return this.#state.counters;
  }

  get config(): AlertConfig {
    return this.#state.config;
  }

  /** Records that belong to a group. */
  get members(): number {
    return this.#state.places.size;
  }

  /** What found no room, in sentences. */
  problems(): readonly string[] {
    return alertProblems(this.#state);
  }

  /** Brings back what fired when the last run of the daemon ended; to be called before any record is there. */
  restore(saved: SavedAlerts, isSameBoot: boolean): void {
    this.#apply({ type: 'restore', saved, isSameBoot });
  }

  /** The first complete picture is there: what was restored and is not in it is over. */
  settle(): void {
    this.#apply({ type: 'settled' });
  }

  /** A sweep has counted connections anew: what fires may be so many of others. */
  recount(): void {
    if (this.#firing.size > 0) {
      this.#apply({ type: 'counted' });
    }
  }

  reconfigure(config: AlertConfig): void {
    this.#apply({ type: 'configure', config });
  }

  /** What must be on disk for alerts to keep their ids. */
  saveable(): SavedAlerts {
    return saveableAlerts(this.#state);
  }

  /** Nothing changes any more. */
  stop(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
  }

  firing(): readonly Alert[] {
    return [...this.#firing.values()];
  }

  resolved(): readonly Alert[] {
    return this.#resolved.slice();
  }

  subscribe(listener: (change: AlertChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #apply(input: AlertInput): void {
    const { clock, totals } = this.#options;
    const nowUs = clock.nowUs();
    const effects = step(this.#state, input, { nowUs, nowRealUs: clock.monoToRealUs(nowUs), totals });
    for (const { kind, timeUs, alert } of effects) {
      this.#keep(alert);
      if (kind !== 'restored') {
        this.#tell({ kind, timeUs, alert });
      }
    }
    if (effects.length > 0) {
      this.#options.onSaveable();
    }
    this.#arm(nowUs);
  }

  #tell(change: AlertChange): void {
    for (const listener of this.#listeners) {
      listener(change);
    }
  }

  #keep(alert: Alert): void {
    if (alert.status === 'firing') {
      this.#firing.set(alert.id, alert);
      return;
    }
    this.#firing.delete(alert.id);
    this.#resolved.push(alert);
    this.#resolved.splice(0, this.#resolved.length - RESOLVED_MAX);
  }

  /** One timer for the earliest thing that time alone decides. */
  #arm(nowUs: number): void {
    const dueUs = nextDeadlineUs(this.#state) ?? Infinity;
    if (dueUs === this.#timerDueUs && this.#timer !== null) {
      return;
    }
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#timerDueUs = dueUs;
    if (dueUs === Infinity) {
      return;
    }
    const waitMs = Math.max(1, Math.ceil((dueUs - nowUs) / 1000));
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#apply({ type: 'tick' });
      },
      Math.min(waitMs, TIMER_MAX_MS),
    );
  }
}
