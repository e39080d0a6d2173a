/** The results as text for people. */
import { formatTable, type Column } from '../../daemon/cli/text-table.js';
import type { PartResult, Row } from './part.js';
import { type Distribution, times } from './statistics.js';

const COLUMNS: readonly Column<Row>[] = [
  { header: 'WHAT', cell: (row) => row.what },
  { header: 'MEASURED', cell: (row) => row.measured, alignRight: true },
  { header: 'AGAINST', cell: (row) => row.compared },
  { header: 'RATIO', cell: (row) => row.ratio },
];

/** @returns lines with a newline each, the first one being the title. */
export function formatResult(name: string, { title, rows, details }: PartResult): string {
  const table = `${name}: ${title}\n${formatTable(COLUMNS, rows, Infinity)}`;
  return details === undefined ? table : `${table}\n${details}`;
}

/** A time in the unit in which it reads best. */
export function formatMs(ms: number): string {
  if (ms >= 10_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  if (ms >= 1) {
    return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
  }
  return `${(ms * 1000).toFixed(ms < 0.01 ? 2 : 0)} us`;
}

/** Median, with the extremes in brackets. */
export function formatSpread({ min, median, max }: Distribution): string {
  return `${formatMs(median)} (${formatMs(min)} - ${formatMs(max)})`;
}

/** Of many times, milliseconds. */
export function formatTimes(values: readonly number[]): string {
  const { p50, p99, max } = times(values);
  return `p50 ${formatMs(p50)}, p99 ${formatMs(p99)}, max ${formatMs(max)}`;
}

export function formatKib(kib: number): string {
  return `${(kib / 1024).toFixed(1)} MiB`;
}
