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
