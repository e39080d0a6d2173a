/** `stuckctl alerts` as a table. */
import { escapeForTerminal } from '../lib/terminal.js';
import type { Style } from '../lib/terminal.js';
import {
  alertKindText,
  firstEndText,
  isResolved,
  lastingText,
  severityText,
  statusText,
  stuckCountText,
  targetText,
  whoText,
} from './alert-text.js';
import type { Alert } from './alert-text.js';
import { timeMs } from './connection-text.js';
import { formatTable } from './text-table.js';
import type { Column } from './text-table.js';

/** What fires stands above what is over, the graver above the lesser, the older above the newer. */
function byConcern(a: Alert, b: Alert): number {
  return (
    Number(isResolved(a)) - Number(isResolved(b)) ||
    (b.severity ?? 0) - (a.severity ?? 0) ||
    (timeMs(a.startTime) ?? 0) - (timeMs(b.startTime) ?? 0)
  );
}

/**
 * @param width columns of the terminal; Infinity for no limit.
 * @param leading columns before all others.
 */
export function formatAlerts(
  alerts: readonly Alert[],
  nowMs: number,
  width: number,
  leading: readonly Column<Alert>[] = [],
): string {
  if (alerts.length === 0) {
    return 'No alerts.\n';
  }
  const columns: readonly Column<Alert>[] = [
    ...leading,
    { header: 'ID', cell: ({ id }) => escapeForTerminal(id ?? ''), dropRank: 5 },
    { header: 'SEVERITY', cell: severityText },
    { header: 'KIND', cell: alertKindText },
    { header: 'WHO', cell: whoText, shrinkable: 'end' },
    { header: 'CONNECTIONS', cell: targetText, shrinkable: 'middle' },
    { header: 'STUCK', cell: stuckCountText, alignRight: true },
    { header: 'FOR', cell: (alert) => lastingText(alert, nowMs), dropRank: 2 },
    { header: 'KERNEL ENDS FIRST', cell: (alert) => firstEndText(alert, nowMs), dropRank: 3 },
    { header: 'STATUS', cell: (alert) => statusText(alert, nowMs), dropRank: 4 },
  ];
  return formatTable(columns, alerts.toSorted(byConcern), width);
}

export type AlertSign = 'FIRING' | 'UPDATE' | 'RESOLVED';

export function paintSign(sign: AlertSign, style: Style): string {
  const padded = sign.padEnd('RESOLVED'.length);
  switch (sign) {
    case 'FIRING':
      return style.red(padded);
    case 'UPDATE':
      return style.yellow(padded);
    case 'RESOLVED':
      return style.green(padded);
  }
}
