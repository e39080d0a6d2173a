/** The table of `forecast`: one line for each sort of connection. */
import { formatTable, type Column } from '../../daemon/cli/text-table.js';
import type { Spread, Summary } from './forecast-judgement.js';
import { formatMs } from './report.js';

function spreadWords(spread: Spread | null, ...names: readonly (keyof Spread)[]): string {
  return spread === null ? '-' : names.map((name) => formatMs(spread[name])).join(' / ');
}

function windowWords({ windows, atLater, widestWindowMs, disturbed }: Summary): string {
  if (windows === 0) {
    return '';
  }
  const which = disturbed ? `${windows} windows` : `${windows}: ${windows - atLater} the earlier, ${atLater} the later`;
  return `${which}; up to ${formatMs(widestWindowMs)} apart`;
}

const COLUMNS: readonly Column<Summary>[] = [
  { header: 'LIMIT', cell: ({ reason, disturbed }) => (disturbed ? `${reason} (exempt: ICMP)` : reason) },
  { header: 'N', cell: ({ connections }) => String(connections), alignRight: true },
  { header: 'MEASURED', cell: ({ measured }) => String(measured), alignRight: true },
  {
    header: 'P50 / P95 / P99 / MAX',
    cell: ({ error }) => spreadWords(error, 'median', 'p95', 'p99', 'max'),
    alignRight: true,
  },
  { header: '<= 10 ms', cell: ({ withinTarget }) => String(withinTarget), alignRight: true },
  { header: 'TWO CANDIDATES', cell: windowWords },
  {
    header: 'APPLICATION P50 / MAX',
    cell: ({ applicationError }) => spreadWords(applicationError, 'median', 'max'),
    alignRight: true,
  },
  { header: 'WRONG ERRNO', cell: ({ wrongErrno }) => String(wrongErrno), alignRight: true },
];

/** @returns lines with a newline each. */
export function forecastTable(summaries: readonly Summary[]): string {
  return formatTable(COLUMNS, summaries, Infinity);
}
