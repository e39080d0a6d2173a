/**
 * Who holds a socket. Sweeps tell which descriptors exist; the socket itself tells what it means that there is none.
 * The process that happens to run when the kernel raises an event says nothing.
 */
import type { OwnerType } from './kinds.js';
import type { Owner } from './record.js';
import type { HolderReport, ProcessReport, SocketSnapshot } from './snapshot.js';

/** What is known about the holders of one socket. */
export interface Ownership {
  readonly type: OwnerType;
  /** Set for `process` only. */
  readonly owner: Owner | null;
  /** Who held it before nobody did. */
  readonly lastOwner: Owner | null;
}

export const OWNER_PENDING: Ownership = { type: 'pending', owner: null, lastOwner: null };

/** A pid is reused; with its start time it names one process. */
export function processKey(pid: number, startBootUs: number): string {
  return `${pid}@${startBootUs}`;
}

/** What the socket says when no process has a descriptor of it. */
function ownerTypeWithoutHolder(socket: SocketSnapshot): OwnerType {
  if (socket.dead) {
    return 'orphan';
  }
  if (!socket.hasSocket) {
    return 'unaccepted';
  }
  return socket.hasFile ? 'unknown' : 'kernel';
}

/** The socket is held through a file, so that only a sweep can tell by whom. */
export function needsSweep(socket: SocketSnapshot): boolean {
  return ownerTypeWithoutHolder(socket) === 'unknown';
}

/** @returns the ownership after it became certain that no process holds the socket. */
export function releasedOwnership(before: Ownership, socket: SocketSnapshot): Ownership {
  const type = ownerTypeWithoutHolder(socket);
  if (before.owner === null && before.type === type) {
    return before;
  }
  return { type, owner: null, lastOwner: before.owner ?? before.lastOwner };
}

/**
 * @param holders at least one.
 * @param processes by `processKey`.
 * @returns the ownership after a sweep; `before` itself if nothing changed.
 */
export function heldOwnership(
  before: Ownership,
  holders: readonly HolderReport[],
  processes: ReadonlyMap<string, ProcessReport>,
): Ownership {
  if (isStillHeldAlone(before.owner, holders, processes)) {
    return before;
  }
  const owner = ownerOf(holders, processes);
  if (owner === null || (before.owner !== null && isSameOwner(before.owner, owner))) {
    return before;
  }
  return { type: 'process', owner, lastOwner: before.lastOwner };
}

/** The common case, of which a sweep in a storm meets tens of thousands: one descriptor, and it is the known one. */
function isStillHeldAlone(
  owner: Owner | null,
  holders: readonly HolderReport[],
  processes: ReadonlyMap<string, ProcessReport>,
): boolean {
  const [holder, ...others] = holders;
  if (owner?.holders.length !== 1 || holder === undefined || others.length > 0) {
    return false;
  }
  const process = processes.get(processKey(holder.pid, holder.startBootUs));
  return (
    owner.pid === holder.pid &&
    owner.startBootUs === holder.startBootUs &&
    owner.holders[0]?.fd === holder.fd &&
    owner.comm === process?.comm &&
    owner.executable === process.executable &&
    owner.uid === process.uid &&
    owner.cgroupId === process.cgroupId
  );
}

/** Of several processes that share a socket the oldest stands for all: usually the one that opened it. */
function ownerOf(holders: readonly HolderReport[], processes: ReadonlyMap<string, ProcessReport>): Owner | null {
  const sorted = [...holders].sort(byAgeThenPid);
  const oldest = sorted[0];
  if (oldest === undefined) {
    return null;
  }
  const process = processes.get(processKey(oldest.pid, oldest.startBootUs));
  return {
    pid: oldest.pid,
    startBootUs: oldest.startBootUs,
    comm: process?.comm ?? '',
    executable: process?.executable ?? '',
    uid: process?.uid ?? 0,
    cgroupId: process?.cgroupId ?? 0n,
    holders: sorted.map(({ pid, startBootUs, fd }) => ({
      pid,
      comm: processes.get(processKey(pid, startBootUs))?.comm ?? '',
      fd,
    })),
  };
}

function byAgeThenPid(a: HolderReport, b: HolderReport): number {
  return a.startBootUs - b.startBootUs || a.pid - b.pid || a.fd - b.fd;
}

function isSameOwner(a: Owner, b: Owner): boolean {
  return (
    a.pid === b.pid &&
    a.startBootUs === b.startBootUs &&
    a.comm === b.comm &&
    a.executable === b.executable &&
    a.uid === b.uid &&
    a.cgroupId === b.cgroupId &&
    a.holders.length === b.holders.length &&
    a.holders.every((holder, index) => {
      const other = b.holders[index];
      return other?.pid === holder.pid && other.fd === holder.fd && other.comm === holder.comm;
    })
  );
}
