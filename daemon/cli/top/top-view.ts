/** Of what is followed, what the screen shows now: filtered and sorted. */
import { KINDS_BY_NAME } from '../../rpc/enum-mapping.js';
import type { GetResponse } from '../../rpc/grpc-client.js';
import type { TopConnection } from './top-connection.js';
import { type TopRow, rowWithout } from './top-rows.js';
import { shownScreen, type SortKey, type TopState } from './top-state.js';

/** Whether the daemon is heard. */
export interface Link {
  readonly isLive: boolean;
  /** Why not, escaped; empty while it is. */
  readonly reason: string;
  /** Since when not. */
  readonly sinceMs: number;
}

/** One connection in full. */
export interface Page {
  readonly id: string;
  /** As it was when the daemon last answered; null if it is not known, or not any more. */
  readonly response: GetResponse | null;
  /** Why there is no newer answer, escaped; empty if there is. */
  readonly problem: string;
}

/** All that a frame is drawn of, at one moment. */
export interface TopData {
  /** Of what is shown: while paused it stands still. */
  readonly nowMs: number;
  /** Goes on while paused: how long the daemon has been gone is never held back. */
  readonly headMs: number;
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

/** The kind that a row has most of. */
function firstKind({ kinds }: TopRow): string {
  const [kind = ''] = kinds.keys();
  return kind;
}

/** The worst stands above. */
const COMPARE: Readonly<Record<SortKey, (a: TopRow, b: TopRow) => number>> = {
  process: (a, b) => compareText(a.process, b.process),
  peer: (a, b) => compareText(a.peer, b.peer),
  stuck: (a, b) => b.connections.length - a.connections.length,
  kind: (a, b) => compareText(firstKind(a), firstKind(b)),
  oldest: (a, b) => a.oldestSinceMs - b.oldestSinceMs,
  // Never is worse than any time, and two of it are equal; infinities subtracted would be no number.
  'ends in': (a, b) =>
    Number(a.earliestGiveUpMs !== null) - Number(b.earliestGiveUpMs !== null) || giveUpOf(a) - giveUpOf(b),
  unacked: (a, b) => b.unackedBytes - a.unackedBytes,
};

function giveUpOf({ earliestGiveUpMs }: TopRow): number {
  return earliestGiveUpMs ?? 0;
}

/** @param words in lower case */
function contains(row: TopRow, words: readonly string[]): boolean {
  if (words.length === 0) {
    return true;
  }
  const workload = row.connections[0]?.workload ?? '';
  const text = [row.process, row.peer, ...row.kinds.keys(), workload].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

/**
 * Remembers the last answer about a list, as long as there is that list: one is asked for several times a key and a frame,
 * and may be long.
 */
function rememberLast<Item, Answer>(
  answer: (items: readonly Item[], state: TopState) => Answer,
  questionOf: (state: TopState) => readonly unknown[],
): (items: readonly Item[], state: TopState) => Answer {
  const last = new WeakMap<readonly Item[], { readonly question: readonly unknown[]; readonly answer: Answer }>();
  return (items, state) => {
    const question = questionOf(state);
    const known = last.get(items);
    if (known?.question.every((part, index) => part === question[index]) === true) {
      return known.answer;
    }
    const fresh = answer(items, state);
    last.set(items, { question, answer: fresh });
    return fresh;
  };
}

const shownRows = rememberLast(
  (rows: readonly TopRow[], { sort, isReversed, filter, typing, hiddenKinds }): readonly TopRow[] => {
    const words = (typing ?? filter).toLowerCase().split(' ').filter(Boolean);
    const compare = COMPARE[sort];
    const sign = isReversed ? -1 : 1;
    return rows
      .map((row) => rowWithout(row, hiddenKinds))
      .filter((row) => row !== null)
      .filter((row) => contains(row, words))
      .sort((a, b) => sign * compare(a, b) || compareText(a.process, b.process) || compareText(a.key, b.key));
  },
  ({ sort, isReversed, filter, typing, hiddenKinds }) => [sort, isReversed, filter, typing, hiddenKinds],
);

/** The rows that are to be seen, in order; equal ones by their names, so that nothing jumps. */
export function visibleRows({ rows }: TopData, state: TopState): readonly TopRow[] {
  return shownRows(rows, state);
}

const shownConnections = rememberLast(
  (connections: readonly TopConnection[], { hiddenKinds }): readonly TopConnection[] =>
    connections
      .filter(({ kind }) => !hiddenKinds.has(kind))
      .sort((a, b) => a.sinceMs - b.sinceMs || compareText(a.id, b.id)),
  ({ hiddenKinds }) => [hiddenKinds],
);

/** The connections of a row that are to be seen, the longest stuck one first. */
export function visibleConnections({ rows }: TopData, rowKey: string, state: TopState): readonly TopConnection[] {
  const row = rows.find(({ key }) => key === rowKey);
  return row === undefined ? [] : shownConnections(row.connections, state);
}

/** What the lines of the list on the screen are called; none where there is no list. */
export function listKeys(data: TopData, state: TopState): readonly string[] {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows':
      return visibleRows(data, state).map(({ key }) => key);
    case 'connections':
      return visibleConnections(data, screen.rowKey, state).map(({ id }) => id);
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
