/** What there is to be asked for in Prometheus: the metrics of the catalogue, what the rules record, and some of others. */
import { METRICS } from '../../daemon/metrics/catalogue.js';
import type { LabelValues, MetricSpec } from '../../daemon/metrics/metric-spec.js';
import { WORKLOAD_LABELS } from '../../daemon/metrics/workload-labels.js';
import { allRules } from './prometheus-files.js';

export type Labels = Readonly<Record<string, LabelValues>>;

/** What every series gets from Prometheus, by scrape configurations that follow the examples. */
const TARGET_LABELS: Labels = { job: 'Prometheus', instance: 'Prometheus', cluster: 'Prometheus', node: 'Prometheus' };

/** Made by Prometheus itself, or by prom-client for every program. */
const FOREIGN: Readonly<Record<string, Labels>> = {
  up: TARGET_LABELS,
  ALERTS: { ...TARGET_LABELS, alertname: 'rules', alertstate: ['pending', 'firing'] },
  process_resident_memory_bytes: TARGET_LABELS,
  process_cpu_seconds_total: TARGET_LABELS,
};

/** Labels that a recorded series gets from a metric that is not in its name. */
const FROM_JOINS: Labels = { kernel: METRICS.buildInfo.labels.kernel };

function catalogueLabels(): Readonly<Record<string, Labels>> {
  const entries = Object.values<MetricSpec>(METRICS).flatMap((spec): [string, Labels][] => {
    const workload = spec.workloadLabels === undefined ? [] : WORKLOAD_LABELS;
    const labels = {
      ...TARGET_LABELS,
      ...spec.labels,
      ...Object.fromEntries(workload.map((label) => [label, 'the process'])),
    };
    return spec.type === 'histogram'
      ? [
          [`${spec.name}_sum`, labels],
          [`${spec.name}_count`, labels],
          [`${spec.name}_bucket`, { ...labels, le: [...spec.buckets.map(String), '+Inf'] }],
        ]
      : [[spec.name, labels]];
  });
  return Object.fromEntries(entries);
}

/** `node_kind:stuckd_records_opened:rate5m` has the labels of its level, with the values that the metric has. */
function recordedLabels(known: Readonly<Record<string, Labels>>): Readonly<Record<string, Labels>> {
  const names = allRules().flatMap(({ record }) => record ?? []);
  return Object.fromEntries(
    names.map((name) => {
      const [level = '', metric = ''] = name.split(':');
      const source = { ...FROM_JOINS, ...(known[metric] ?? known[`${metric}_total`]) };
      const labels = level.split('_').flatMap((label) => (label === 'node' ? ['cluster', 'node'] : [label]));
      return [name, Object.fromEntries(labels.map((label) => [label, source[label] ?? []]))];
    }),
  );
}

/** By name: the labels that a series of it can have. */
export function queryableMetrics(): Readonly<Record<string, Labels>> {
  const known = { ...catalogueLabels(), ...FOREIGN };
  return { ...known, ...recordedLabels(known) };
}

/** Names of all metrics of stuckd, as a person calls them: histograms without their suffixes. */
export function catalogueNames(): readonly string[] {
  return Object.values<MetricSpec>(METRICS).map(({ name }) => name);
}
