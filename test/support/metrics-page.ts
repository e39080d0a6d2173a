/** deploy/prometheus/METRICS.md, as the catalogue says it should be. `node build/test/support/metrics-page.js` writes it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { METRICS } from '../../daemon/metrics/catalogue.js';
import { knownValues, type LabelValues, type MetricSpec } from '../../daemon/metrics/metric-spec.js';
import { packageRoot } from './package-root.js';

export const METRICS_PAGE = 'deploy/prometheus/METRICS.md';

function labelText([label, values]: readonly [string, LabelValues]): string {
  if (typeof values === 'string') {
    return `\`${label}\`: ${values}`;
  }
  const known = knownValues(values) ?? [];
  return `\`${label}\`: ${known.map((value) => `\`${value}\``).join(', ')}`;
}

/** What values mean, where the catalogue says so. */
function meanings({ labels }: MetricSpec): readonly string[] {
  return Object.values(labels).flatMap((values) =>
    typeof values === 'string' || Array.isArray(values)
      ? []
      : Object.entries(values as Readonly<Record<string, string>>).map(([value, text]) => `\`${value}\`: ${text}`),
  );
}

function section(spec: MetricSpec): string {
  const labels = Object.entries(spec.labels).map(labelText);
  const facts = [
    `${spec.type}, ${spec.unit}`,
    ...(labels.length === 0 ? [] : [`labels ${labels.join('; ')}`]),
    ...(spec.workloadLabels === undefined ? [] : ['and the labels of `http.metrics.workloadLabels`']),
    ...meanings(spec),
    ...(spec.type === 'histogram' ? [`buckets ${spec.buckets.join(', ')}`] : []),
  ];
  return `### \`${spec.name}\`\n\n${spec.help}\n\n${facts.map((fact) => `- ${fact}`).join('\n')}\n`;
}

/** The page as it should be. */
export function metricsPage(): string {
  const sections = Object.values<MetricSpec>(METRICS).map(section);
  return `# Metrics

Served at \`http.address\` (127.0.0.1:9735) under \`/metrics\`, in Prometheus' text format. Besides these there are those of
every Node.js program (\`process_*\`, \`nodejs_*\`).

Labels have few values: no pid, no port and no address of a peer is in them. Which connections they are is what
\`stuckctl list\` says. \`http.metrics.workloadLabels\` adds what the process belongs to (\`namespace\`, \`pod\`, \`container\`,
\`unit\`) to some metrics. What has no room under \`http.metrics.maxWorkloads\` is counted with the value \`other\`; a pod for which
nothing got stuck for an hour loses its counters. State is read at the scrape; counters begin at 0 when the daemon starts, and
go on when it is the sensor that starts again.

${sections.join('\n')}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(join(packageRoot(), METRICS_PAGE), metricsPage());
}
