/** Of what is followed, what the screen shows now: filtered and sorted. */
import { type Connection, endText, holderText, kindText, timeMs } from '../connection-text.js';
import { KINDS_BY_NAME } from '../../rpc/enum-mapping.js';
import type { GetResponse } from '../../rpc/grpc-client.js';
import type { TopRow } from './top-rows.js';
import { shownScreen, type SortKey, type TopState } from './top-state.js';

/** Whether the daemon is heard. */
export interface Link {
  readonly isLive: boolean;
  /** Why not, escaped; empty while it is. */
  readonly reason: string;
  /** Since when not. */
  readonly sinceMs: number;
}

/** One connection in full, or why it cannot be shown. */
export type Page = { readonly id: string } & ({ readonly response: GetResponse } | { readonly problem: string });

/** All that a frame is drawn of, at one moment. */
export interface TopData {
  readonly nowMs: number;
  /** Where stuckd listens, escaped. */
  readonly address: string;
  readonly link: Link;
  readonly rows: readonly TopRow[];
  readonly leftOut: number;
  /** What stuckd says is wrong with itself, escaped. */
  readonly problems: readonly string[];
  /** The connection that is looked at; null until it is here. */
  readonly page: Page | null;
}

export const KIND_NAMES: readonly string[] = [...KINDS_BY_NAME.keys()];

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The worst stands above. */
const COMPARE: Readonly<Record<SortKey, (a: TopRow, b: TopRow) => number>> = {
  oldest: (a, b) => a.oldestSinceMs - b.oldestSinceMs,
  stuck: (a, b) => b.connections.length - a.connections.length,
  // Never is worse than any time, and two of it are equal; infinities subtracted would be no number.
  'gives up': (a, b) =>
    Number(a.earliestGiveUpMs !== null) - Number(b.earliestGiveUpMs !== null) || giveUpOf(a) - giveUpOf(b),
  unacked: (a, b) => b.unackedBytes - a.unackedBytes,
  process: (a, b) => compareText(a.process, b.process),
  peer: (a, b) => compareText(a.peer, b.peer),
};

function giveUpOf({ earliestGiveUpMs }: TopRow): number {
  return earliestGiveUpMs ?? 0;
}

function workloadOf({ connections: [first] }: TopRow): string {
  const { pod, podNamespace, containerId, unit } = first?.workload ?? {};
  return [podNamespace, pod, containerId, unit].filter(Boolean).join(' ');
}

function contains(row: TopRow, wanted: string): boolean {
  const text = [row.process, row.peer, ...row.kinds.keys(), workloadOf(row)].join(' ').toLowerCase();
  return wanted
    .toLowerCase()
    .split(' ')
    .every((word) => text.includes(word));
}

function isShown(row: TopRow, { filter, typing, hiddenKinds }: TopState): boolean {
  const hasShownKind = hiddenKinds.size === 0 || [...row.kinds.keys()].some((kind) => !hiddenKinds.has(kind));
  return hasShownKind && contains(row, typing ?? filter);
}

/** The rows that are to be seen, in order; equal ones by their names, so that nothing jumps. */
export function visibleRows({ rows }: TopData, state: TopState): readonly TopRow[] {
  const compare = COMPARE[state.sort];
  const sign = state.isReversed ? -1 : 1;
  return rows
    .filter((row) => isShown(row, state))
    .sort((a, b) => sign * compare(a, b) || compareText(a.process, b.process) || compareText(a.key, b.key));
}

/** The connections of a row that are to be seen. */
export function visibleConnections(
  { rows }: TopData,
  rowKey: string,
  { hiddenKinds }: TopState,
): readonly Connection[] {
  const row = rows.find(({ key }) => key === rowKey);
  return row?.connections.filter((connection) => !hiddenKinds.has(kindText(connection))) ?? [];
}

/** What the lines of the list on the screen are called; none where there is no list. */
export function listKeys(data: TopData, state: TopState): readonly string[] {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows':
      return visibleRows(data, state).map(({ key }) => key);
    case 'connections':
      return visibleConnections(data, screen.rowKey, state).map(({ id }) => id ?? '');
    case 'kinds':
      return KIND_NAMES;
    case 'connection':
    case 'help':
      return [];
  }
}

/** `node[12900] -> 10.0.0.2:8000`. */
export function rowTitle({ process, peer }: TopRow): string {
  return `${process} -> ${peer}`;
}

/** The same of one connection, with its own port. */
export function connectionTitle(connection: Connection): string {
  return `${holderText(connection)} ${endText(connection.local)} -> ${endText(connection.remote)}`;
}

export function detectedMs({ detectedTime }: Connection): number {
  return timeMs(detectedTime) ?? 0;
}
