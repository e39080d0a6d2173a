/** `stuckctl list` as a table. */
import { escapeForTerminal } from '../lib/terminal.js';
import {
  endText,
  giveUpText,
  holderText,
  isOrphan,
  kindText,
  outcomeText,
  retransmitsText,
  stuckText,
} from './connection-text.js';
import type { Connection } from './connection-text.js';
import { sizeText } from './quantity-text.js';
import { formatTable } from './text-table.js';
import type { Column } from './text-table.js';
import { workloadCell, workloadText } from './workload-text.js';

/** What somebody waits for, and may be broken, stands above; then orphans; then what may well be meant. */
function byConcern(a: Connection, b: Connection): number {
  return concern(a) - concern(b);
}

function concern(connection: Connection): number {
  return connection.informational === true ? 2 : isOrphan(connection) ? 1 : 0;
}

/** A listener has no peer: its own port says which it is, also where the local end has no room. */
function peerText({ remote, local, acceptQueue }: Connection): string {
  return acceptQueue === null || acceptQueue === undefined ? endText(remote) : `listens on ${endText(local)}`;
}

/** `unread (i)`: for information. */
function markedKind(connection: Connection): string {
  return connection.informational === true ? `${kindText(connection)} (i)` : kindText(connection);
}

/**
 * @param width columns of the terminal; Infinity for no limit.
 * @param withOutcome also show how those that ended did so.
 * @param leading columns before all others.
 */
export function formatConnections(
  connections: readonly Connection[],
  nowMs: number,
  width: number,
  withOutcome: boolean,
  leading: readonly Column<Connection>[] = [],
): string {
  if (connections.length === 0) {
    return 'No stuck connections.\n';
  }
  const outcome: Column<Connection>[] = withOutcome ? [{ header: 'OUTCOME', cell: outcomeText, dropRank: 1 }] : [];
  const hasWorkload = connections.some((connection) => workloadText(connection) !== '');
  const workload: Column<Connection>[] = hasWorkload ? [{ header: 'BELONGS TO', cell: workloadCell, dropRank: 5 }] : [];
  const columns: readonly Column<Connection>[] = [
    ...leading,
    { header: 'ID', cell: ({ id }) => escapeForTerminal(id ?? '') },
    { header: 'KIND', cell: markedKind },
    { header: 'PROCESS', cell: holderText, shrinkable: 'end' },
    ...workload,
    { header: 'LOCAL', cell: ({ local }) => endText(local), dropRank: 7 },
    { header: 'PEER', cell: peerText, shrinkable: 'middle' },
    { header: 'STATE', cell: ({ state }) => escapeForTerminal(state ?? ''), dropRank: 6 },
    { header: 'STUCK FOR', cell: (connection) => stuckText(connection, nowMs) },
    { header: 'RETRANS', cell: retransmitsText, alignRight: true, dropRank: 3 },
    {
      header: 'UNACKED',
      cell: ({ unackedBytes }) => sizeText(unackedBytes?.toNumber() ?? 0),
      alignRight: true,
      dropRank: 4,
    },
    { header: 'GIVES UP', cell: (connection) => giveUpText(connection, nowMs), dropRank: 2 },
    ...outcome,
  ];
  return formatTable(columns, connections.toSorted(byConcern), width);
}
