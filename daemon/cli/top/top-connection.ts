/** What the lists of `stuckctl top` show of a connection: a daemon may send fifty thousand, each with a long diagnosis. */
import { kindName } from '../../rpc/enum-mapping.js';
import { stuckd } from '../../rpc/gen/stuckd.js';
import {
  type Connection,
  endText,
  holderText,
  isOrphan,
  ownerText,
  retransmitsText,
  timeMs,
} from '../connection-text.js';

type Owner = stuckd.v1.Owner.$Properties;

/** Texts are escaped, times are milliseconds since 1970. */
export interface TopConnection {
  readonly id: string;
  /** Names the row that it is counted in. */
  readonly rowKey: string;
  readonly process: string;
  /** As its row tells it: what came in by the port that it came to. */
  readonly peer: string;
  readonly local: string;
  readonly remote: string;
  readonly kind: string;
  /** Pod, container and unit, for the filter. */
  readonly workload: string;
  readonly sinceMs: number;
  /** The beginning was not seen. */
  readonly isSinceAtLeast: boolean;
  /** When the kernel ends it; null where it never will, or it is not known. */
  readonly giveUpMs: number | null;
  /** In place of a time to its end. */
  readonly giveUpText: string;
  readonly retransmits: string;
  readonly unackedBytes: number;
  readonly isInformational: boolean;
  readonly isOrphan: boolean;
}

/** A process is its pid and its start time: pids are used again. */
export function processKey({ pid, startTime }: Owner): string {
  return `${(pid ?? 0).toString()}@${(timeMs(startTime) ?? 0).toString()}`;
}

export function peerKey(address: string | null | undefined, port: number | null | undefined): string {
  return `${address ?? ''} ${(port ?? 0).toString()}`;
}

export function portKey(port: number | null | undefined): string {
  return `port ${(port ?? 0).toString()}`;
}

/** What came in is told by its port, as everywhere in stuckd: each client has an address of its own. */
function isInbound({ direction }: Connection): boolean {
  return direction === stuckd.v1.Direction.DIRECTION_INBOUND;
}

/**
 * What a process left behind stands apart from what it still holds, and has no total. Without a process it is the network
 * namespace that tells connections of one container from those of another.
 */
function rowKey(connection: Connection): string {
  const { owner, lastOwner, local, remote, netns } = connection;
  const nobody = `${holderText(connection)} ${lastOwner ? processKey(lastOwner) : `netns ${(netns ?? 0).toString()}`}`;
  const where = isInbound(connection) ? portKey(local?.port) : peerKey(remote?.address, remote?.port);
  return `${owner ? processKey(owner) : nobody} ${where}`;
}

const { OwnerType } = stuckd.v1;

const CIRCUMSTANCES: ReadonlyMap<stuckd.v1.OwnerType, string> = new Map([
  [OwnerType.OWNER_TYPE_ORPHAN, 'orphan'],
  [OwnerType.OWNER_TYPE_UNACCEPTED, 'not accepted'],
  [OwnerType.OWNER_TYPE_UNKNOWN, 'unknown'],
]);

/** A text that has to be cut loses its end, so the process stands before the circumstances: `node[12900] (orphan)`. */
function processText(connection: Connection): string {
  const { ownerType, owner, lastOwner } = connection;
  const circumstance = CIRCUMSTANCES.get(ownerType ?? OwnerType.OWNER_TYPE_UNSPECIFIED);
  const process = owner ?? lastOwner;
  return circumstance !== undefined && process ? `${ownerText(process)} (${circumstance})` : holderText(connection);
}

function workloadText({ workload }: Connection): string {
  const { pod, podNamespace, containerId, unit } = workload ?? {};
  return [podNamespace, pod, containerId, unit].filter(Boolean).join(' ');
}

export function topConnection(connection: Connection): TopConnection {
  const { id, local, remote, kind, since, detectedTime, giveUp, unackedBytes } = connection;
  const remoteText = endText(remote);
  return {
    id: id ?? '',
    rowKey: rowKey(connection),
    process: processText(connection),
    peer: isInbound(connection) ? `clients of :${(local?.port ?? 0).toString()}` : remoteText,
    local: endText(local),
    remote: remoteText,
    kind: kindName(kind),
    workload: workloadText(connection),
    sinceMs: timeMs(since) ?? timeMs(detectedTime) ?? 0,
    isSinceAtLeast: connection.sinceAtLeast === true,
    giveUpMs: timeMs(giveUp?.time),
    giveUpText: giveUp?.never === true ? 'never' : '-',
    retransmits: retransmitsText(connection),
    unackedBytes: unackedBytes?.toNumber() ?? 0,
    isInformational: connection.informational === true,
    isOrphan: isOrphan(connection),
  };
}
