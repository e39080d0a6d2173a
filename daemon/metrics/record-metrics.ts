/** Stuck connections as metrics: counters and histograms as records change, gauges from what is open at the scrape. */
import type { RecordChange, RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import { STUCK_KINDS, type StuckKind } from '../core/kinds.js';
import type { StuckRecord } from '../core/record.js';
import type { GiveUpCause } from './catalogue.js';
import type { MetricSet } from './metric-set.js';
import { keyOfValues, largestOf, OTHER, SeriesRoom, type WorkloadValues } from './series-room.js';
import { type WorkloadLabel, workloadValues } from './workload-labels.js';

export interface RecordMetricsOptions {
  readonly metrics: MetricSet;
  readonly records: RecordSource;
  readonly workloads: WorkloadSource;
  readonly clock: WallClock;
  readonly workloadLabels: readonly WorkloadLabel[];
  /** Groups of workload labels that a metric has series for. */
  readonly maxSeries: number;
}

/** A pod for which nothing got stuck for so long gives its series up; by then a query over a day is all that misses it. */
const SERIES_IDLE_US = 3_600_000_000;

const US_PER_SECOND = 1_000_000;

/** Records of one kind and direction that belong to one workload. */
interface Group {
  readonly kind: StuckKind;
  readonly direction: StuckRecord['direction'];
  readonly values: WorkloadValues;
  count: number;
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
  readonly #openedSeries = new Map<string, WorkloadValues>();
  /** Until when the time that each open record has been stuck is counted, CLOCK_MONOTONIC microseconds. */
  readonly #countedUntilUs = new Map<string, number>();
  /** Records that are counted when it is known to whom they belong, with the kind that they opened as. */
  readonly #ownerless = new Map<string, StuckKind>();
  /** What a restart brought back was counted by the run before. */
  readonly #startUs: number;

  constructor(options: RecordMetricsOptions) {
    this.#options = options;
    this.#room = new SeriesRoom(options.maxSeries, SERIES_IDLE_US);
    this.#startUs = options.clock.nowUs();
  }

  /** Takes a change of a record. */
  take({ kind, record }: RecordChange): void {
    if (kind === 'opened') {
      this.#countedUntilUs.set(record.id, record.sinceUs);
      this.#ownerless.set(record.id, record.kind);
    }
    const isLookedUp = this.#options.workloadLabels.length > 0 && record.ownerType === 'pending';
    const openedAs = this.#ownerless.get(record.id);
    if (openedAs !== undefined && (kind === 'ended' || !isLookedUp)) {
      this.#ownerless.delete(record.id);
      this.#countOpened(openedAs, record);
    }
    if (kind === 'ended') {
      this.#countEnded(record);
    }
  }

  /** Brings the gauges, and the counter that grows with time, to now. */
  update(): void {
    const { records, metrics } = this.#options;
    const nowUs = this.#options.clock.nowUs();
    const open = records.open();
    for (const record of open) {
      this.#countLimbo(record, nowUs);
    }
    this.#setStuck(open);
    metrics.clear('oldestStuck');
    for (const [kind, sinceUs] of oldestByKind(open)) {
      metrics.set('oldestStuck', { kind }, this.#options.clock.monoToRealUs(sinceUs) / US_PER_SECOND);
    }
    this.#forgetIdleSeries(nowUs);
  }

  #countOpened(kind: StuckKind, record: StuckRecord): void {
    const { metrics, clock } = this.#options;
    const values = this.#valuesOf(record);
    const key = keyOfValues(values);
    if (this.#room.take(key, clock.nowUs())) {
      this.#openedSeries.set(key, values);
      metrics.add('recordsOpened', { kind, ...this.#labels(values) });
    } else {
      metrics.add('recordsOpened', { kind, ...this.#labels(this.#others()) });
      metrics.add('seriesFolded', { metric: 'stuckd_records_opened_total' });
    }
  }

  #countEnded(record: StuckRecord): void {
    const { metrics } = this.#options;
    const { kind, outcome, endUs, sinceUs, forecastErrorUs } = record;
    if (outcome === null || endUs === null) {
      return;
    }
    this.#countLimbo(record, endUs);
    this.#countedUntilUs.delete(record.id);
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

  #countLimbo({ id, kind, sinceUs }: StuckRecord, untilUs: number): void {
    const fromUs = this.#countedUntilUs.get(id) ?? Math.max(sinceUs, this.#startUs);
    if (untilUs > fromUs) {
      this.#options.metrics.add('limbo', { kind }, (untilUs - fromUs) / US_PER_SECOND);
      this.#countedUntilUs.set(id, untilUs);
    }
  }

  #setStuck(open: readonly StuckRecord[]): void {
    const { metrics, maxSeries } = this.#options;
    const groups = new Map<string, Group>();
    const sizes = new Map<string, number>();
    for (const record of open) {
      const { kind, direction } = record;
      const values = this.#valuesOf(record);
      const workload = keyOfValues(values);
      sizes.set(workload, (sizes.get(workload) ?? 0) + 1);
      const key = keyOfValues([kind, direction, ...values]);
      const group = groups.get(key) ?? { kind, direction, values, count: 0 };
      group.count += 1;
      groups.set(key, group);
    }
    const kept = largestOf(sizes, maxSeries);
    const others = new Map<string, Group>();
    metrics.clear('stuckConnections');
    for (const { kind, direction, values, count } of groups.values()) {
      if (kept.has(keyOfValues(values))) {
        metrics.set('stuckConnections', { kind, direction, ...this.#labels(values) }, count);
        continue;
      }
      metrics.add('seriesFolded', { metric: 'stuckd_stuck_connections' });
      const key = keyOfValues([kind, direction]);
      const other = others.get(key) ?? { kind, direction, values: this.#others(), count: 0 };
      other.count += count;
      others.set(key, other);
    }
    for (const { kind, direction, values, count } of others.values()) {
      metrics.set('stuckConnections', { kind, direction, ...this.#labels(values) }, count);
    }
  }

  #forgetIdleSeries(nowUs: number): void {
    for (const key of this.#room.expire(nowUs)) {
      const values = this.#openedSeries.get(key) ?? [];
      this.#openedSeries.delete(key);
      // Without a workload a series is one of a few, and stays.
      if (values.some((value) => value !== '')) {
        for (const kind of STUCK_KINDS) {
          this.#options.metrics.forget('recordsOpened', { kind, ...this.#labels(values) });
        }
      }
    }
  }

  #valuesOf(record: StuckRecord): WorkloadValues {
    const { workloadLabels, workloads } = this.#options;
    return workloadLabels.length === 0 ? [] : workloadValues(workloadLabels, workloads.workloadOf(record));
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
    oldest.set(kind, Math.min(oldest.get(kind) ?? Infinity, sinceUs));
  }
  return oldest;
}
