/** The parts of a stuck connection as short escaped text, shared by table, page and watch. */
import { kindName, outcomeName } from '../rpc/enum-mapping.js';
import { stuckd } from '../rpc/gen/stuckd.js';
import { formatPeer } from '../rpc/peer-address.js';
import { timestampToMs } from '../rpc/proto-time.js';
import { escapeForTerminal } from '../lib/terminal.js';
import { countText, durationText } from './quantity-text.js';

export type Connection = stuckd.v1.StuckConnection.$Properties;
type Owner = stuckd.v1.Owner.$Properties;
type Timestamp = NonNullable<Connection['since']>;

const OwnerType = stuckd.v1.OwnerType;

/** Milliseconds since 1970, or null. */
export function timeMs(time: Timestamp | null | undefined): number | null {
  return time === null || time === undefined ? null : timestampToMs(time);
}

export function kindText(connection: Connection): string {
  return kindName(connection.kind);
}

/** `node[12900]`, and how many more processes hold the socket. */
export function ownerText(owner: Owner): string {
  const others = new Set((owner.holders ?? []).map((holder) => holder.pid));
  others.delete(owner.pid);
  const more = others.size === 0 ? '' : ` +${others.size}`;
  return `${escapeForTerminal(owner.comm ?? '')}[${owner.pid ?? 0}]${more}`;
}

function withProcess(text: string, owner: Owner | null | undefined): string {
  return owner === null || owner === undefined ? text : `${text} (${ownerText(owner)})`;
}

/** No process holds it any more. */
export function isOrphan({ ownerType }: Connection): boolean {
  return ownerType === OwnerType.OWNER_TYPE_ORPHAN;
}

/** Who holds the connection. */
export function holderText(connection: Connection): string {
  const { ownerType, owner, lastOwner } = connection;
  switch (ownerType ?? OwnerType.OWNER_TYPE_UNSPECIFIED) {
    case OwnerType.OWNER_TYPE_ORPHAN:
      return withProcess('orphan', lastOwner);
    case OwnerType.OWNER_TYPE_KERNEL:
      return 'kernel';
    case OwnerType.OWNER_TYPE_UNACCEPTED:
      return withProcess('not accepted', owner);
    case OwnerType.OWNER_TYPE_UNKNOWN:
      return withProcess('unknown', owner ?? lastOwner);
    case OwnerType.OWNER_TYPE_PROCESS:
    case OwnerType.OWNER_TYPE_UNSPECIFIED:
    default:
      return owner === null || owner === undefined ? 'unknown yet' : ownerText(owner);
  }
}

/** `address:port`, or a dash where there is none. */
export function endText(end: stuckd.v1.SocketAddress.$Properties | null | undefined): string {
  const address = end?.address ?? '';
  return address === '' ? '-' : escapeForTerminal(formatPeer(address, end?.port ?? 0));
}

/** `7`, or `2 probes` where probes are what goes unanswered. */
export function retransmitsText(connection: Connection): string {
  const retransmits = connection.retransmits ?? 0;
  const probes = connection.probes ?? 0;
  return retransmits === 0 && probes > 0 ? countText(probes, 'probe') : retransmits.toString();
}

/** How long it is, or was, stuck. */
export function stuckMs(connection: Connection, nowMs: number): number {
  const since = timeMs(connection.since) ?? nowMs;
  return (timeMs(connection.endTime) ?? nowMs) - since;
}

/** `1m 20s`; with `>` before it where the beginning was not seen. */
export function stuckText(connection: Connection, nowMs: number): string {
  const text = durationText(stuckMs(connection, nowMs));
  return connection.sinceAtLeast === true ? `>${text}` : text;
}

/** `in 14m 3s`, `now`, `never`, or a dash where it is not known or over. */
export function giveUpText(connection: Connection, nowMs: number): string {
  const { giveUp } = connection;
  if (giveUp === null || giveUp === undefined || hasEnded(connection)) {
    return '-';
  }
  const time = timeMs(giveUp.time);
  if (time === null) {
    return giveUp.never === true ? 'never' : '-';
  }
  return time > nowMs ? `in ${durationText(time - nowMs)}` : 'now';
}

export function hasEnded(connection: Connection): boolean {
  return (connection.outcome ?? 0) !== 0;
}

/** `reset by peer`, or a dash while it is stuck. */
export function outcomeText(connection: Connection): string {
  return hasEnded(connection) ? outcomeName(connection.outcome).replaceAll('_', ' ') : '-';
}
