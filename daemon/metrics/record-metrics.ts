/** Stuck connections as metrics: counters and histograms as records change, gauges from what is open at the scrape. */
import type { RecordChange, RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import { STUCK_KINDS, type StuckKind } from '../core/kinds.js';
import type { StuckRecord } from '../core/record.js';
import type { GiveUpCause } from './catalogue.js';
import { Limbo } from './limbo.js';
import type { MetricSet } from './metric-set.js';
import { keyOfValues, largestOf, OTHER, SeriesRoom, type WorkloadValues } from './series-room.js';
import { type WorkloadLabel, workloadValues } from './workload-labels.js';

export interface RecordMetricsOptions {
  readonly metrics: MetricSet;
  readonly records: RecordSource;
  readonly workloads: WorkloadSource;
  readonly clock: WallClock;
  readonly workloadLabels: readonly WorkloadLabel[];
  /** Workloads that a metric has series for. */
  readonly maxWorkloads: number;
}

/** A pod for which nothing got stuck for so long gives its series up; by then a query over a day is all that misses it. */
const SERIES_IDLE_US = 3_600_000_000;

const US_PER_SECOND = 1_000_000;

const NO_VALUES: WorkloadValues = [];

/** The open records of one workload. */
interface WorkloadCounts {
  readonly values: WorkloadValues;
  size: number;
  readonly counts: Map<StuckKind, Map<StuckRecord['direction'], number>>;
}

/** Which of the kernel's limits it was; null if it was not the kernel that ended it. */
function giveUpCause({ outcome, giveUp, detectedGiveUp }: StuckRecord): GiveUpCause | null {
  if (outcome === 'unreachable') {
    return 'unreachable';
  }
  if (outcome !== 'timed_out') {
    return null;
  }
  const forecast = [giveUp, detectedGiveUp].find((each) => each?.never === false);
  return forecast?.never === false ? forecast.reason : 'unknown';
}

export class RecordMetrics {
  readonly #options: RecordMetricsOptions;
  readonly #room: SeriesRoom;
  readonly #limbo: Limbo;
  /** Records that are not counted for their workload yet, with the kind that they opened as. */
  readonly #ownerless = new Map<string, StuckKind>();
  /** When this run began to watch, CLOCK_MONOTONIC microseconds. */
  readonly #startUs: number;

  constructor(options: RecordMetricsOptions) {
    this.#options = options;
    this.#room = new SeriesRoom(options.maxWorkloads, SERIES_IDLE_US);
    this.#startUs = options.clock.nowUs();
    this.#limbo = new Limbo(this.#startUs);
  }

  /** Takes a change of a record. */
  take({ kind, record }: RecordChange): void {
    if (kind !== 'ended') {
      this.#limbo.follow(record, this.#options.clock.nowUs());
    }
    if (kind === 'opened') {
      // What a restart brought back opens once more, and was counted by the run before.
      if (record.detectedUs >= this.#startUs) {
        this.#options.metrics.add('recordsOpened', { kind: record.kind });
        if (this.#options.workloadLabels.length > 0) {
          this.#ownerless.set(record.id, record.kind);
        }
      }
    }
    this.#countForWorkload(kind, record);
    if (kind === 'ended') {
      this.#countEnded(record);
    }
  }

  /** Brings the gauges, and the counter that grows with time, to now. */
  update(): void {
    const { records, metrics, clock } = this.#options;
    const nowUs = clock.nowUs();
    for (const kind of STUCK_KINDS) {
      metrics.total('limbo', { kind }, this.#limbo.totalUs(kind, nowUs) / US_PER_SECOND);
    }
    const open = records.open();
    this.#setStuck(open);
    metrics.clear('oldestStuck');
    for (const [kind, sinceUs] of oldestByKind(open)) {
      metrics.set('oldestStuck', { kind }, clock.monoToRealUs(sinceUs) / US_PER_SECOND);
    }
    this.#forgetIdleSeries(nowUs);
  }

  /** A record is counted for its workload when that is known; at the latest when it has ended. */
  #countForWorkload(change: RecordChange['kind'], record: StuckRecord): void {
    const kind = this.#ownerless.get(record.id);
    const { metrics, clock } = this.#options;
    if (kind === undefined || (change !== 'ended' && record.ownerType === 'pending')) {
      return;
    }
    this.#ownerless.delete(record.id);
    const values = this.#valuesOf(record);
    const told = this.#room.take(values, clock.nowUs()) ? values : this.#others();
    metrics.add('workloadRecordsOpened', { kind, ...this.#labels(told) });
  }

  #countEnded(record: StuckRecord): void {
    const { metrics } = this.#options;
    const { kind, outcome, endUs, sinceUs, forecastErrorUs } = record;
    if (outcome === null || endUs === null) {
      return;
    }
    this.#limbo.end(record, endUs);
    metrics.add('recordsEnded', { kind, outcome });
    metrics.observe('stuckDuration', { kind }, Math.max(0, endUs - sinceUs) / US_PER_SECOND);
    const cause = giveUpCause(record);
    if (cause !== null) {
      metrics.add('kernelGiveUps', { cause });
    }
    if (forecastErrorUs !== null) {
      metrics.observe('forecastError', {}, Math.abs(forecastErrorUs) / US_PER_SECOND);
    }
  }

  #setStuck(open: readonly StuckRecord[]): void {
    const { metrics, maxWorkloads } = this.#options;
    const workloads = this.#groupByWorkload(open);
    const sizes = new Map([...workloads].map(([key, { size }]) => [key, size]));
    const kept = largestOf(sizes, maxWorkloads);
    metrics.clear('stuckConnections');
    for (const [key, { values, counts }] of workloads) {
      // A workload may itself be called "other": then it is in one series with those that have no room.
      const labels = this.#labels(kept.has(key) ? values : this.#others());
      for (const [kind, byDirection] of counts) {
        for (const [direction, count] of byDirection) {
          metrics.raise('stuckConnections', { kind, direction, ...labels }, count);
        }
      }
    }
    metrics.set('workloadsFolded', {}, sizes.size - kept.size);
  }

  /** No text is made for a record without labels of workloads: with 50,000 records that was most of a scrape. */
  #groupByWorkload(open: readonly StuckRecord[]): ReadonlyMap<string, WorkloadCounts> {
    const workloads = new Map<string, WorkloadCounts>();
    for (const record of open) {
      const values = this.#valuesOf(record);
      const key = keyOfValues(values);
      let workload = workloads.get(key);
      if (workload === undefined) {
        workload = { values, size: 0, counts: new Map() };
        workloads.set(key, workload);
      }
      workload.size += 1;
      let byDirection = workload.counts.get(record.kind);
      if (byDirection === undefined) {
        byDirection = new Map();
        workload.counts.set(record.kind, byDirection);
      }
      byDirection.set(record.direction, (byDirection.get(record.direction) ?? 0) + 1);
    }
    return workloads;
  }

  #forgetIdleSeries(nowUs: number): void {
    for (const values of this.#room.expire(nowUs)) {
      for (const kind of STUCK_KINDS) {
        this.#options.metrics.forget('workloadRecordsOpened', { kind, ...this.#labels(values) });
      }
    }
  }

  #valuesOf(record: StuckRecord): WorkloadValues {
    const { workloadLabels, workloads } = this.#options;
    return workloadLabels.length === 0 ? NO_VALUES : workloadValues(workloadLabels, workloads.workloadOf(record));
  }

  #others(): WorkloadValues {
    return this.#options.workloadLabels.map(() => OTHER);
  }

  #labels(values: WorkloadValues): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#options.workloadLabels.map((label, index) => [label, values[index] ?? '']));
  }
}

function oldestByKind(open: readonly StuckRecord[]): ReadonlyMap<StuckKind, number> {
  const oldest = new Map<StuckKind, number>();
  for (const { kind, sinceUs } of open) {
    if (sinceUs < (oldest.get(kind) ?? Infinity)) {
      oldest.set(kind, sinceUs);
    }
  }
  return oldest;
}
