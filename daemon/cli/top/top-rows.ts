/** Stuck connections by process and peer, a row each. */
import type { stuckd } from '../../rpc/gen/stuckd.js';
import { peerKey, portKey, processKey, type TopConnection } from './top-connection.js';

/** What the rows of one process to one peer have in common. Texts are escaped. */
export interface TopRow {
  /** Names the row, as long as anything of it is stuck. */
  readonly key: string;
  readonly process: string;
  readonly peer: string;
  /** In no particular order. */
  readonly connections: readonly TopConnection[];
  /** Stuck ones included; null: not known. */
  readonly totalCount: number | null;
  /** `2 of 10`, or `2` where the total is not known. */
  readonly shareText: string;
  /** How many of each kind, most first. */
  readonly kinds: ReadonlyMap<string, number>;
  /** `retransmitting 3, closing 1`; the number is left out where there is one kind. */
  readonly kindsText: string;
  readonly oldestSinceMs: number;
  /** Null: the kernel will end none of them, or it is not known when. */
  readonly earliestGiveUpMs: number | null;
  readonly unackedBytes: number;
  /** All of them may well be meant. */
  readonly isInformational: boolean;
}

/** How many connections there are in all, by the key of the row. */
export type TopTotals = ReadonlyMap<string, number>;

/** The totals of the processes that the daemon lists, by the keys of rows. */
export function totalsOf(processes: readonly stuckd.v1.ProcessSummary.$Properties[]): TopTotals {
  const totals = new Map<string, number>();
  for (const { process, destinations } of processes) {
    for (const { peer, localPort, totalCount } of destinations ?? []) {
      if (process && (totalCount ?? 0) > 0) {
        const where = peer ? peerKey(peer.address, peer.port) : portKey(localPort);
        totals.set(`${processKey(process)} ${where}`, totalCount ?? 0);
      }
    }
  }
  return totals;
}

function mostFirst(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return counts.size < 2 ? counts : new Map([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

function shareText(stuckCount: number, totalCount: number | null): string {
  const stuck = stuckCount.toString();
  return totalCount === null ? stuck : `${stuck} of ${totalCount.toString()}`;
}

function kindsText(kinds: ReadonlyMap<string, number>): string {
  const text = ([kind, count]: [string, number]): string => (kinds.size === 1 ? kind : `${kind} ${count.toString()}`);
  return Array.from(kinds, text).join(', ');
}

type Part = [TopConnection, ...TopConnection[]];

/** What got stuck since the sweep is not in its total. */
function totalOf(key: string, part: Readonly<Part>, totals: TopTotals): number | null {
  const total = totals.get(key);
  return total === undefined ? null : Math.max(total, part.length);
}

function createRow(connections: Readonly<Part>, totalCount: number | null): TopRow {
  let [first] = connections;
  let earliestGiveUpMs = Infinity;
  let unackedBytes = 0;
  let isInformational = true;
  const counts = new Map<string, number>();
  for (const connection of connections) {
    first = connection.sinceMs < first.sinceMs ? connection : first;
    earliestGiveUpMs = Math.min(earliestGiveUpMs, connection.giveUpMs ?? Infinity);
    unackedBytes += connection.unackedBytes;
    isInformational &&= connection.isInformational;
    counts.set(connection.kind, (counts.get(connection.kind) ?? 0) + 1);
  }
  const kinds = mostFirst(counts);
  return {
    key: first.rowKey,
    process: first.process,
    peer: first.peer,
    connections,
    totalCount,
    shareText: shareText(connections.length, totalCount),
    kinds,
    kindsText: kindsText(kinds),
    oldestSinceMs: first.sinceMs,
    earliestGiveUpMs: earliestGiveUpMs === Infinity ? null : earliestGiveUpMs,
    unackedBytes,
    isInformational,
  };
}

function isStill(row: TopRow, part: Readonly<Part>, totalCount: number | null): boolean {
  const { connections } = row;
  return (
    row.totalCount === totalCount &&
    connections.length === part.length &&
    connections.every((connection, index) => connection === part[index])
  );
}

/**
 * @param before rows of the last time: of fifty thousand, most are as they were.
 * @returns the rows, in no particular order.
 */
export function groupRows(
  connections: Iterable<TopConnection>,
  totals: TopTotals,
  before: readonly TopRow[] = [],
): readonly TopRow[] {
  const parts = new Map<string, Part>();
  for (const connection of connections) {
    const part = parts.get(connection.rowKey);
    if (part === undefined) {
      parts.set(connection.rowKey, [connection]);
    } else {
      part.push(connection);
    }
  }
  const known = new Map(before.map((row) => [row.key, row]));
  return Array.from(parts, ([key, part]) => {
    const totalCount = totalOf(key, part, totals);
    const row = known.get(key);
    return row !== undefined && isStill(row, part, totalCount) ? row : createRow(part, totalCount);
  });
}

/** @returns the row with some of its connections alone; null if it has none of them. */
export function rowWithout(row: TopRow, hiddenKinds: ReadonlySet<string>): TopRow | null {
  if (![...row.kinds.keys()].some((kind) => hiddenKinds.has(kind))) {
    return row;
  }
  const [first, ...others] = row.connections.filter(({ kind }) => !hiddenKinds.has(kind));
  return first === undefined ? null : createRow([first, ...others], row.totalCount);
}
