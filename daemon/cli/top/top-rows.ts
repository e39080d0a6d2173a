/** Stuck connections by process and peer, a row each. */
import { kindName } from '../../rpc/enum-mapping.js';
import { stuckd } from '../../rpc/gen/stuckd.js';
import { type Connection, endText, holderText, timeMs } from '../connection-text.js';

type Owner = stuckd.v1.Owner.$Properties;

/** What the rows of one process to one peer have in common. Texts are escaped. */
export interface TopRow {
  /** Names the row, as long as anything of it is stuck. */
  readonly key: string;
  readonly process: string;
  readonly peer: string;
  /** The longest stuck one first. */
  readonly connections: readonly Connection[];
  /** Stuck ones included; null: not known. */
  readonly totalCount: number | null;
  /** How many of each kind, most first. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly oldestSinceMs: number;
  /** Null: the kernel will end none of them, or it is not known when. */
  readonly earliestGiveUpMs: number | null;
  readonly unackedBytes: number;
}

/** How many connections there are in all, by the key of the row. */
export type TopTotals = ReadonlyMap<string, number>;

function processKey({ pid, startTime }: Owner): string {
  // A process is its pid and its start time: pids are used again.
  return `${(pid ?? 0).toString()}@${(timeMs(startTime) ?? 0).toString()}`;
}

function peerKey(address: string | null | undefined, port: number | null | undefined): string {
  return `${address ?? ''} ${(port ?? 0).toString()}`;
}

/** What came in is told by its port, as everywhere in stuckd: each client has an address of its own. */
function isInbound({ direction }: Connection): boolean {
  return direction === stuckd.v1.Direction.DIRECTION_INBOUND;
}

/** What the process left behind stands apart from what it still holds, and has no total. */
function rowKey(connection: Connection): string {
  const { owner, lastOwner, local, remote } = connection;
  const process = owner ? processKey(owner) : `${holderText(connection)} ${lastOwner ? processKey(lastOwner) : ''}`;
  const where = isInbound(connection)
    ? `port ${(local?.port ?? 0).toString()}`
    : peerKey(remote?.address, remote?.port);
  return `${process} ${where}`;
}

/** The totals of the processes that the daemon lists, by the keys of rows. */
export function totalsOf(processes: readonly stuckd.v1.ProcessSummary.$Properties[]): TopTotals {
  const totals = new Map<string, number>();
  for (const { process, destinations } of processes) {
    for (const { peer, localPort, totalCount } of destinations ?? []) {
      if (process && (totalCount ?? 0) > 0) {
        const where = peer ? peerKey(peer.address, peer.port) : `port ${(localPort ?? 0).toString()}`;
        totals.set(`${processKey(process)} ${where}`, totalCount ?? 0);
      }
    }
  }
  return totals;
}

function sinceMs(connection: Connection): number {
  return timeMs(connection.since) ?? timeMs(connection.detectedTime) ?? 0;
}

function countKinds(connections: readonly Connection[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of connections) {
    const name = kindName(kind);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a, first], [b, second]) => second - first || (a < b ? -1 : 1)));
}

function createRow(key: string, first: Connection, all: readonly Connection[], totals: TopTotals): TopRow {
  const connections = all.toSorted((a, b) => sinceMs(a) - sinceMs(b) || ((a.id ?? '') < (b.id ?? '') ? -1 : 1));
  let earliestGiveUpMs = Infinity;
  let unackedBytes = 0;
  for (const { giveUp, unackedBytes: bytes } of connections) {
    earliestGiveUpMs = Math.min(earliestGiveUpMs, timeMs(giveUp?.time) ?? Infinity);
    unackedBytes += bytes?.toNumber() ?? 0;
  }
  const total = totals.get(key);
  return {
    key,
    process: holderText(first),
    peer: isInbound(first) ? `clients of :${(first.local?.port ?? 0).toString()}` : endText(first.remote),
    connections,
    // The sweep that counted may be older than what got stuck since.
    totalCount: total === undefined ? null : Math.max(total, connections.length),
    kinds: countKinds(connections),
    oldestSinceMs: sinceMs(connections[0] ?? first),
    earliestGiveUpMs: earliestGiveUpMs === Infinity ? null : earliestGiveUpMs,
    unackedBytes,
  };
}

/** @returns the rows, in no particular order. */
export function groupRows(connections: Iterable<Connection>, totals: TopTotals): readonly TopRow[] {
  const parts = new Map<string, [Connection, ...Connection[]]>();
  for (const connection of connections) {
    const key = rowKey(connection);
    const part = parts.get(key);
    if (part === undefined) {
      parts.set(key, [connection]);
    } else {
      part.push(connection);
    }
  }
  return [...parts].map(([key, part]) => createRow(key, part[0], part, totals));
}
