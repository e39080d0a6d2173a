/** The lists of `stuckctl top`: rows, the connections of one, and kinds. */
import { durationText, sizeText } from '../quantity-text.js';
import { displayWidth, fitWidth, fitWidthTail } from '../../lib/terminal.js';
import type { TopColumn } from './columns.js';
import type { Line, Look, Size } from './line.js';
import { listLines } from './list-lines.js';
import type { TopConnection } from './top-connection.js';
import type { TopRow } from './top-rows.js';
import { cursorIndex, type Screen, type TopState } from './top-state.js';
import { KIND_NAMES, type TopData, visibleConnections, visibleRows } from './top-view.js';

type ScreenOf<Name extends Screen['name']> = Extract<Screen, { name: Name }>;

/** `1m 20s`, `11h 59m`: the two largest units, and one sign. */
const DURATION_WIDTH = 7;
const SIZE_WIDTH = 8;
/** `retrans~` and `keepali~`: no two kinds begin alike. */
const KIND_WIDTH_MIN = 8;
/** Less of a name than this says nothing. */
const NAME_WIDTH_MIN = 2;

function endsInText(giveUpMs: number | null, nowMs: number, otherwise: string): string {
  if (giveUpMs === null) {
    return otherwise;
  }
  return giveUpMs > nowMs ? durationText(giveUpMs - nowMs) : 'now';
}

/** `node[12900] (orphan)` loses its end first, then the end of the name: a pid that is cut is that of another process. */
function fitProcess(text: string, width: number): string {
  const [, name = '', pid = '', circumstances = ''] = /^(.*)(\[\d+\])(.*)$/s.exec(text) ?? [];
  const mark = circumstances === '' ? '' : '~';
  const nameWidth = width - pid.length - mark.length;
  if (displayWidth(text) <= width || displayWidth(name) <= nameWidth || nameWidth < NAME_WIDTH_MIN) {
    return fitWidth(text, width);
  }
  return `${fitWidth(name, nameWidth)}${pid}${mark}`;
}

function unackedColumn(isDispensable: boolean): TopColumn<{ readonly unackedBytes: number }> {
  return {
    header: 'UNACKED',
    cell: ({ unackedBytes }) => sizeText(unackedBytes),
    width: SIZE_WIDTH,
    alignRight: true,
    isDispensable,
  };
}

function rowColumns(nowMs: number, { sort }: TopState): readonly TopColumn<TopRow>[] {
  return [
    { header: 'PROCESS', cell: ({ process }) => process, fit: fitProcess },
    { header: 'PEER', cell: ({ peer }) => peer, fit: fitWidthTail },
    { header: 'STUCK', cell: ({ shareText }) => shareText },
    { header: 'KIND', cell: ({ kindsText }) => kindsText, shrinksTo: KIND_WIDTH_MIN },
    {
      header: 'OLDEST',
      cell: ({ oldestSinceMs }) => durationText(nowMs - oldestSinceMs),
      width: DURATION_WIDTH,
      alignRight: true,
    },
    {
      header: 'ENDS IN',
      cell: ({ earliestGiveUpMs }) => endsInText(earliestGiveUpMs, nowMs, 'never'),
      width: DURATION_WIDTH,
      alignRight: true,
    },
    unackedColumn(sort !== 'unacked'),
  ];
}

export function rowsLines(data: TopData, state: TopState, { cursor }: ScreenOf<'rows'>, size: Size): readonly Line[] {
  const rows = visibleRows(data, state);
  const whenEmpty = data.rows.length === 0 ? 'No stuck connections.' : 'Nothing that the filter lets through.';
  const selected = cursorIndex(
    cursor,
    rows.map(({ key }) => key),
  );
  // What may well be meant is not what somebody looks for.
  const look = ({ isInformational }: TopRow): Look => (isInformational ? 'dim' : 'plain');
  const columns = rowColumns(data.nowMs, state);
  return listLines({ items: rows, columns, selected, look, whenEmpty }, size.columns, size.lines);
}

function stuckText({ sinceMs, isSinceAtLeast }: TopConnection, nowMs: number): string {
  return `${isSinceAtLeast ? '>' : ''}${durationText(nowMs - sinceMs)}`;
}

function connectionColumns(nowMs: number): readonly TopColumn<TopConnection>[] {
  return [
    { header: 'LOCAL', cell: ({ local }) => local, fit: fitWidthTail },
    { header: 'PEER', cell: ({ remote }) => remote, fit: fitWidthTail },
    { header: 'KIND', cell: ({ kind }) => kind, shrinksTo: KIND_WIDTH_MIN },
    {
      header: 'STUCK',
      cell: (connection) => stuckText(connection, nowMs),
      width: DURATION_WIDTH + 1,
      alignRight: true,
    },
    { header: 'RETRANS', cell: ({ retransmits }) => retransmits, width: 8, alignRight: true },
    {
      header: 'ENDS IN',
      cell: ({ giveUpMs, giveUpText }) => endsInText(giveUpMs, nowMs, giveUpText),
      width: DURATION_WIDTH,
      alignRight: true,
    },
    unackedColumn(true),
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
    items.map(({ id }) => id),
  );
  const look = ({ isInformational, isOrphan }: TopConnection): Look => (isInformational || isOrphan ? 'dim' : 'plain');
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
