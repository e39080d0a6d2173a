/** The text format of Prometheus, as far as the benchmarks read it. */

/** @returns the sum over all series of a metric without labels of a histogram. @throws Error if there is none */
export function sumOfMetric(text: string, name: string): number {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  if (values.length === 0) {
    throw new Error(`the daemon has no metric ${name}`);
  }
  return values.reduce((sum, value) => sum + value, 0);
}

/** @returns the values above 0 of a metric with one label, by its value. */
export function valuesByLabel(text: string, name: string): Readonly<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [, label, value] = /^(?:[a-z_]+)\{[a-z_]+="([^"]*)"\} (\S+)$/.exec(line) ?? [];
    if (label !== undefined && line.startsWith(`${name}{`) && Number(value) > 0) {
      values[label] = Number(value);
    }
  }
  return values;
}
