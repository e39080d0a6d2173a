/** What the demo tells of: changes of stuck connections, as a client of stuckd gets them. */
import { kindName, outcomeName } from '../rpc/enum-mapping.js';
import { stuckd } from '../rpc/gen/stuckd.js';
import type { WatchChange } from '../rpc/grpc-client.js';
import { timestampToMs } from '../rpc/proto-time.js';

/** A process; `comm` is untrusted text. */
export interface WatchedProcess {
  readonly pid: number;
  readonly comm: string;
}

/** When the kernel will end the connection; null if it is not known. */
export type WatchedGiveUp =
  { readonly never: true } | { readonly never: false; readonly timeMs: number; readonly expectedError: string };

/** Times are milliseconds since 1970. */
export interface WatchedRecord {
  readonly id: string;
  /** Short name of the kind, for example `retransmitting`. */
  readonly kind: string;
  /** TCP state, for example `FIN_WAIT1`. */
  readonly state: string;
  /** The holder is being looked up. */
  readonly ownerPending: boolean;
  readonly owner: WatchedProcess | null;
  readonly lastOwner: WatchedProcess | null;
  /** `address:port`; untrusted text. */
  readonly peer: string;
  readonly sinceMs: number;
  readonly retransmits: number;
  readonly giveUp: WatchedGiveUp | null;
  /** Short name of the outcome; null while it is stuck. */
  readonly outcome: string | null;
}

export interface WatchedChange {
  readonly kind: 'opened' | 'updated' | 'ended';
  readonly timeMs: number;
  readonly record: WatchedRecord;
}

type Connection = stuckd.v1.StuckConnection.$Properties;

/** @returns null for what is no change of a record: marks, and changes that were lost. */
export function watchedChange(change: WatchChange, nowMs: number): WatchedChange | null {
  const timeMs = change.time ? timestampToMs(change.time) : nowMs;
  const opened = change.opened ?? change.snapshotItem;
  if (opened) {
    return { kind: 'opened', timeMs, record: watchedRecord(opened) };
  }
  if (change.updated) {
    return { kind: 'updated', timeMs, record: watchedRecord(change.updated) };
  }
  return change.ended ? { kind: 'ended', timeMs, record: watchedRecord(change.ended) } : null;
}

function watchedRecord(connection: Connection): WatchedRecord {
  const remote = connection.remote;
  const address = remote?.address ?? '';
  return {
    id: connection.id ?? '',
    kind: kindName(connection.kind),
    state: connection.state ?? '',
    ownerPending: (connection.ownerType ?? 0) === stuckd.v1.OwnerType.OWNER_TYPE_UNSPECIFIED,
    owner: watchedProcess(connection.owner),
    lastOwner: watchedProcess(connection.lastOwner),
    peer: `${address.includes(':') ? `[${address}]` : address}:${remote?.port ?? 0}`,
    sinceMs: connection.since ? timestampToMs(connection.since) : 0,
    retransmits: connection.retransmits ?? 0,
    giveUp: watchedGiveUp(connection.giveUp),
    outcome: connection.outcome ? outcomeName(connection.outcome) : null,
  };
}

function watchedProcess(owner: stuckd.v1.Owner.$Properties | null | undefined): WatchedProcess | null {
  return owner ? { pid: owner.pid ?? 0, comm: owner.comm ?? '' } : null;
}

function watchedGiveUp(giveUp: stuckd.v1.GiveUp.$Properties | null | undefined): WatchedGiveUp | null {
  if (!giveUp) {
    return null;
  }
  if (giveUp.never === true) {
    return { never: true };
  }
  return giveUp.time
    ? { never: false, timeMs: timestampToMs(giveUp.time), expectedError: giveUp.expectedError ?? '' }
    : null;
}
