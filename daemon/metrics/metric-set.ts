/** The metrics of the catalogue, held by prom-client: the one file that knows it. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricKey } from './catalogue.js';
import { knownLabelSets, type MetricSpec } from './metric-spec.js';

/** The keys of all metrics of one type. */
export type KeyOf<Type extends MetricSpec['type']> = {
  [Key in MetricKey]: (typeof METRICS)[Key]['type'] extends Type ? Key : never;
}[MetricKey];

/** A label for each that the catalogue names, with one of its values; those of workloads come on top. */
export type LabelsOf<Key extends MetricKey> = {
  readonly [
    Label in keyof (typeof METRICS)[Key]['labels']
  ]: (typeof METRICS)[Key]['labels'][Label] extends readonly (infer Value)[]
    ? Value
    : (typeof METRICS)[Key]['labels'][Label] extends string
      ? string
      : keyof (typeof METRICS)[Key]['labels'][Label];
} & Readonly<Record<string, string>>;

/**
 * What prom-client knows of every Node.js program, and we do not show: gauges that are called like counters, and the lag of
 * the event loop, for which it would wake an idle daemon a hundred times a second; we have one of our own.
 */
const UNWANTED_DEFAULTS = /^nodejs_(eventloop_|active_\w+_total$)/;

/** How often prom-client looks at the event loop for what is not shown: never, as far as it lets us. */
const EVENT_LOOP_PRECISION_MS = 2 ** 31 - 1;

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export class MetricSet {
  readonly #registry = new Registry();
  readonly #gauges = new Map<MetricKey, Gauge>();
  readonly #counters = new Map<MetricKey, Counter>();
  readonly #histograms = new Map<MetricKey, Histogram>();
  readonly #workloadLabels: readonly string[];

  /** @param workloadLabels names of the labels that metrics with workload labels get */
  constructor(workloadLabels: readonly string[]) {
    this.#workloadLabels = workloadLabels;
    for (const [key, spec] of Object.entries<MetricSpec>(METRICS)) {
      this.#create(key as MetricKey, spec);
    }
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
    for (const { name } of this.#registry.getMetricsAsArray().filter(({ name }) => UNWANTED_DEFAULTS.test(name))) {
      this.#registry.removeSingleMetric(name);
    }
  }

  /** Sets one series of a gauge. */
  set<Key extends KeyOf<'gauge'>>(key: Key, labels: LabelsOf<Key>, value: number): void {
    this.#gauges.get(key)?.set(labels, value);
  }

  /** Adds to one series of a gauge. */
  raise<Key extends KeyOf<'gauge'>>(key: Key, labels: LabelsOf<Key>, value = 1): void {
    this.#gauges.get(key)?.inc(labels, value);
  }

  /** Takes all series of a gauge away, but for those that are known in advance: these are 0 until they are set. */
  clear(key: KeyOf<'gauge'>): void {
    const gauge = this.#gauges.get(key);
    if (gauge === undefined) {
      return;
    }
    gauge.reset();
    const spec: MetricSpec = METRICS[key];
    if (spec.isSparse === true && Object.keys(spec.labels).length === 0) {
      gauge.remove({}); // reset() has just made it 0
    }
    this.#preset(key, (labels) => {
      gauge.set(labels, 0);
    });
  }

  /** Adds to one series of a counter. */
  add<Key extends KeyOf<'counter'>>(key: Key, labels: LabelsOf<Key>, value = 1): void {
    this.#counters.get(key)?.inc(labels, value);
  }

  /** Sets one series of a counter to what has been counted elsewhere. */
  total<Key extends KeyOf<'counter'>>(key: Key, labels: LabelsOf<Key>, value: number): void {
    const counter = this.#counters.get(key);
    counter?.remove(labels);
    counter?.inc(labels, value);
  }

  /** Takes all series of a counter away whose labels are not known in advance. */
  clearTotals(key: KeyOf<'counter'>): void {
    this.#counters.get(key)?.reset();
  }

  /** Takes one series of a counter away. */
  forget<Key extends KeyOf<'counter'>>(key: Key, labels: LabelsOf<Key>): void {
    this.#counters.get(key)?.remove(labels);
  }

  observe<Key extends KeyOf<'histogram'>>(key: Key, labels: LabelsOf<Key>, value: number): void {
    this.#histograms.get(key)?.observe(labels, value);
  }

  async render(): Promise<Exposition> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #create(key: MetricKey, spec: MetricSpec): void {
    const { name, help } = spec;
    const workloadLabels = spec.workloadLabels === undefined ? [] : this.#workloadLabels;
    if (spec.workloadLabels === 'required' && workloadLabels.length === 0) {
      return;
    }
    const labelNames = [...Object.keys(spec.labels), ...workloadLabels];
    const common = { name, help, labelNames, registers: [this.#registry] };
    switch (spec.type) {
      case 'gauge':
        this.#gauges.set(key, new Gauge(common));
        this.clear(key as KeyOf<'gauge'>);
        return;
      case 'counter': {
        const counter = new Counter(common);
        this.#counters.set(key, counter);
        this.#preset(key, (labels) => {
          counter.inc(labels, 0);
        });
        return;
      }
      case 'histogram': {
        const histogram = new Histogram({ ...common, buckets: [...spec.buckets] });
        this.#histograms.set(key, histogram);
        this.#preset(key, (labels) => {
          histogram.zero(labels);
        });
        return;
      }
    }
  }

  /** A series that is there from the start lets rate() see the first event of its kind. */
  #preset(key: MetricKey, zero: (labels: Readonly<Record<string, string>>) => void): void {
    const spec: MetricSpec = METRICS[key];
    if (spec.isSparse === true) {
      return;
    }
    const none = spec.workloadLabels === undefined ? [] : this.#workloadLabels.map((label) => [label, '']);
    for (const labels of knownLabelSets(spec.labels)) {
      zero({ ...labels, ...(Object.fromEntries(none) as Record<string, string>) });
    }
  }
}
