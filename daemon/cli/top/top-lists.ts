/** The lists of `stuckctl top`: rows, the connections of one, and kinds. */
import {
  type Connection,
  endText,
  giveUpText,
  isOrphan,
  kindText,
  retransmitsText,
  stuckText,
} from '../connection-text.js';
import { durationText, sizeText } from '../quantity-text.js';
import type { Look, TopColumn } from './line.js';
import { listLines } from './list-lines.js';
import type { Line, Size } from './line.js';
import type { TopRow } from './top-rows.js';
import { cursorIndex, type Screen, type TopState } from './top-state.js';
import { KIND_NAMES, type TopData, visibleConnections, visibleRows } from './top-view.js';

type ScreenOf<Name extends Screen['name']> = Extract<Screen, { name: Name }>;

/** `1m 20s`, `11h 59m`: the two largest units, and one sign. */
const DURATION_WIDTH = 7;
const SIZE_WIDTH = 8;

function shareText({ connections, totalCount }: TopRow): string {
  const stuck = connections.length.toString();
  return totalCount === null ? stuck : `${stuck} of ${totalCount.toString()}`;
}

/** `retransmitting 3, closing 1`; the number is left out where there is one kind. */
function kindsText({ kinds }: TopRow): string {
  const text = ([kind, count]: [string, number]): string => (kinds.size === 1 ? kind : `${kind} ${count.toString()}`);
  return [...kinds].map(text).join(', ');
}

function rowGiveUpText({ earliestGiveUpMs }: TopRow, nowMs: number): string {
  if (earliestGiveUpMs === null) {
    return 'never';
  }
  return earliestGiveUpMs > nowMs ? durationText(earliestGiveUpMs - nowMs) : 'now';
}

function rowColumns(nowMs: number): readonly TopColumn<TopRow>[] {
  return [
    { header: 'PROCESS', cell: ({ process }) => process, cut: 'middle' },
    { header: 'PEER', cell: ({ peer }) => peer, cut: 'middle' },
    { header: 'STUCK', cell: shareText },
    { header: 'KIND', cell: kindsText },
    {
      header: 'OLDEST',
      cell: ({ oldestSinceMs }) => durationText(nowMs - oldestSinceMs),
      width: DURATION_WIDTH,
      alignRight: true,
    },
    { header: 'ENDS IN', cell: (row) => rowGiveUpText(row, nowMs), width: DURATION_WIDTH, alignRight: true },
    { header: 'UNACKED', cell: ({ unackedBytes }) => sizeText(unackedBytes), width: SIZE_WIDTH, alignRight: true },
  ];
}

/** What may well be meant is not what somebody looks for. */
function isInformational({ connections }: TopRow): boolean {
  return connections.every(({ informational }) => informational === true);
}

export function rowsLines(data: TopData, state: TopState, { cursor }: ScreenOf<'rows'>, size: Size): readonly Line[] {
  const rows = visibleRows(data, state);
  const whenEmpty = data.rows.length === 0 ? 'No stuck connections.' : 'Nothing that the filter lets through.';
  const selected = cursorIndex(
    cursor,
    rows.map(({ key }) => key),
  );
  const look = (row: TopRow): Look => (isInformational(row) ? 'dim' : 'plain');
  const columns = rowColumns(data.nowMs);
  return listLines({ items: rows, columns, selected, look, whenEmpty }, size.columns, size.lines);
}

function connectionColumns(nowMs: number): readonly TopColumn<Connection>[] {
  return [
    { header: 'LOCAL', cell: ({ local }) => endText(local), cut: 'middle' },
    { header: 'PEER', cell: ({ remote }) => endText(remote), cut: 'middle' },
    { header: 'KIND', cell: kindText },
    {
      header: 'STUCK',
      cell: (connection) => stuckText(connection, nowMs),
      width: DURATION_WIDTH + 1,
      alignRight: true,
    },
    { header: 'RETRANS', cell: retransmitsText, width: 8, alignRight: true },
    {
      header: 'ENDS IN',
      cell: (connection) => giveUpText(connection, nowMs).replace(/^in /, ''),
      width: DURATION_WIDTH,
      alignRight: true,
    },
    {
      header: 'UNACKED',
      cell: ({ unackedBytes }) => sizeText(unackedBytes?.toNumber() ?? 0),
      width: SIZE_WIDTH,
      alignRight: true,
    },
  ];
}

export function connectionsLines(
  data: TopData,
  state: TopState,
  { rowKey, cursor }: ScreenOf<'connections'>,
  size: Size,
): readonly Line[] {
  const items = visibleConnections(data, rowKey, state);
  const selected = cursorIndex(
    cursor,
    items.map(({ id }) => id ?? ''),
  );
  const look = (connection: Connection): Look =>
    connection.informational === true || isOrphan(connection) ? 'dim' : 'plain';
  const whenEmpty = 'None of these is stuck any more.';
  const columns = connectionColumns(data.nowMs);
  return listLines({ items, columns, selected, look, whenEmpty }, size.columns, size.lines);
}

export function kindsLines(data: TopData, state: TopState, { cursor }: ScreenOf<'kinds'>, size: Size): readonly Line[] {
  const counts = new Map<string, number>();
  for (const { kinds } of data.rows) {
    for (const [kind, count] of kinds) {
      counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
  }
  const isHidden = (kind: string): boolean => state.hiddenKinds.has(kind);
  const columns: readonly TopColumn<string>[] = [
    { header: 'SHOWN', cell: (kind) => (isHidden(kind) ? '[ ]' : '[x]') },
    { header: 'KIND', cell: (kind) => kind },
    { header: 'STUCK', cell: (kind) => (counts.get(kind) ?? 0).toString(), width: DURATION_WIDTH, alignRight: true },
  ];
  const look = (kind: string): Look => (isHidden(kind) ? 'dim' : 'plain');
  const selected = cursorIndex(cursor, KIND_NAMES);
  return listLines({ items: KIND_NAMES, columns, selected, look, whenEmpty: '' }, size.columns, size.lines);
}
