/** Stuck connections by process and by peer: how many of how many, since when, until when. */
import { isInbound, type Peer, peerKey, peerOf } from './interest.js';
import { IS_UNANSWERED, type StuckKind } from './kinds.js';
import { processKey } from './ownership.js';
import { type PeerJudgement, judgePeer } from './peer-verdict.js';
import type { Owner, StuckRecord } from './record.js';
import type { Endpoint } from './snapshot.js';
import type { PeerTotals } from './sweep-totals.js';
import type { NewConnections } from './totals.js';

/** What groups of both sorts have in common. Times are CLOCK_MONOTONIC microseconds. */
interface Group {
  /** Names the group among all. */
  readonly key: string;
  readonly stuckCount: number;
  /** Stuck ones included; null: not known. */
  readonly totalCount: number | null;
  readonly byKind: ReadonlyMap<StuckKind, number>;
  readonly oldestSinceUs: number;
  /** Null: the kernel will end none of them, or it is not known when. */
  readonly earliestGiveUpUs: number | null;
  readonly unackedBytes: number;
}

/** Connections of one process to one peer, or of one listener. */
export interface DestinationCount {
  /** Null for what came in. */
  readonly peer: Endpoint | null;
  /** 0 for connections to a peer. */
  readonly localPort: number;
  readonly stuckCount: number;
  readonly totalCount: number | null;
}

export interface ProcessGroup extends Group {
  /** Null: no process holds these connections, or none that is known to live. */
  readonly process: Owner | null;
  /** The one that is stuck longest, for whatever else is known by record. */
  readonly sample: StuckRecord;
  /** Most stuck ones first. */
  readonly destinations: readonly DestinationCount[];
}

export interface PeerGroup extends Group, PeerJudgement {
  readonly peer: Peer;
  readonly processCount: number;
  readonly newConnections: NewConnections | null;
}

/** A process that talks to more peers than this is shown with those that most of its stuck connections lead to. */
const DESTINATIONS_MAX = 100;

/**
 * Sweeps count what a descriptor refers to, and neither listeners nor what the kernel has closed already. Everything else
 * that is stuck is added to their totals: "2 of 12" must be a part of a whole.
 */
function isCountedBySweeps(record: StuckRecord): boolean {
  return (
    (record.ownerType === 'process' || record.ownerType === 'pending') &&
    record.state !== 'CLOSE' &&
    record.acceptQueue === null
  );
}

/** @param counted by the last sweep; what got stuck or was left behind after it may be missing there. */
function totalOf(records: readonly StuckRecord[], counted: number | null): number | null {
  if (counted === null) {
    return null;
  }
  const uncounted = records.reduce((sum, record) => sum + (isCountedBySweeps(record) ? 0 : 1), 0);
  return Math.max(records.length, counted + uncounted);
}

function countKinds(records: readonly StuckRecord[]): ReadonlyMap<StuckKind, number> {
  const counts = new Map<StuckKind, number>();
  for (const { kind } of records) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

function summarize(key: string, records: readonly StuckRecord[], counted: number | null): Group {
  let oldestSinceUs = Infinity;
  let earliestGiveUpUs = Infinity;
  let unackedBytes = 0;
  for (const record of records) {
    oldestSinceUs = Math.min(oldestSinceUs, record.sinceUs);
    if (record.giveUp?.never === false) {
      earliestGiveUpUs = Math.min(earliestGiveUpUs, record.giveUp.timeUs);
    }
    unackedBytes += record.unackedBytes;
  }
  return {
    key,
    stuckCount: records.length,
    totalCount: totalOf(records, counted),
    byKind: countKinds(records),
    oldestSinceUs,
    earliestGiveUpUs: earliestGiveUpUs === Infinity ? null : earliestGiveUpUs,
    unackedBytes,
  };
}

function partition(
  records: readonly StuckRecord[],
  keyOf: (record: StuckRecord) => string,
): ReadonlyMap<string, readonly [StuckRecord, ...StuckRecord[]]> {
  const parts = new Map<string, [StuckRecord, ...StuckRecord[]]>();
  for (const record of records) {
    const key = keyOf(record);
    const part = parts.get(key);
    if (part === undefined) {
      parts.set(key, [record]);
    } else {
      part.push(record);
    }
  }
  return parts;
}

function byStuckCount(a: Group, b: Group): number {
  return b.stuckCount - a.stuckCount || Number(a.key > b.key) - Number(a.key < b.key);
}

/** Inbound connections are told by the port that they came to: each client has an address of its own. */
function destinationKey(record: StuckRecord): string {
  return isInbound(record) ? `port ${record.local.port}` : peerKey(peerOf(record));
}

function destinationsOf(
  process: Owner | null,
  records: readonly StuckRecord[],
  totals: PeerTotals,
): readonly DestinationCount[] {
  const destinations = [...partition(records, destinationKey).values()].map((part): DestinationCount => {
    const [{ local, remote }] = part;
    if (isInbound(part[0])) {
      const counted = process && totals.ofListener(process, local.port);
      return { peer: null, localPort: local.port, stuckCount: part.length, totalCount: totalOf(part, counted) };
    }
    const counted = process && totals.ofDestination(process, peerOf(part[0]));
    return { peer: remote, localPort: 0, stuckCount: part.length, totalCount: totalOf(part, counted) };
  });
  return destinations.sort((a, b) => b.stuckCount - a.stuckCount).slice(0, DESTINATIONS_MAX);
}

/** What was left behind belongs to whoever left it, as long as that process lives. */
function processOf(record: StuckRecord, totals: PeerTotals): Owner | null {
  const { owner, lastOwner } = record;
  return owner ?? (lastOwner !== null && totals.ofProcess(lastOwner) !== null ? lastOwner : null);
}

function oldestOf(records: readonly [StuckRecord, ...StuckRecord[]]): StuckRecord {
  return records.reduce((oldest, record) => (record.sinceUs < oldest.sinceUs ? record : oldest));
}

function countProcesses(records: readonly StuckRecord[], totals: PeerTotals): number {
  const keys = new Set<string>();
  for (const record of records) {
    const process = processOf(record, totals);
    if (process !== null) {
      keys.add(processKey(process.pid, process.startBootUs));
    }
  }
  return keys.size;
}

/**
 * @param records open ones; a connection that several processes share counts for the oldest of them.
 * @returns most stuck ones first.
 */
export function groupByProcess(records: readonly StuckRecord[], totals: PeerTotals): readonly ProcessGroup[] {
  const parts = partition(records, (record) => {
    const process = processOf(record, totals);
    return process === null ? '' : processKey(process.pid, process.startBootUs);
  });
  const groups = [...parts].map(([key, part]): ProcessGroup => {
    const process = processOf(part[0], totals);
    return {
      ...summarize(key, part, process && totals.ofProcess(process)),
      process,
      sample: oldestOf(part),
      destinations: destinationsOf(process, part, totals),
    };
  });
  return groups.sort(byStuckCount);
}

/** Both ends of a connection may seem to have been opened here, if the listener is gone: it is one connection. */
function countsForPeer(record: StuckRecord, outbound: ReadonlySet<string>): boolean {
  const { counterpartId } = record;
  return counterpartId === null || record.id < counterpartId || !outbound.has(counterpartId);
}

/**
 * @param records open ones. What came in has no peer here: clients vanish all day, each from an address of its own.
 * @returns most stuck ones first.
 */
export function groupByPeer(records: readonly StuckRecord[], totals: PeerTotals, nowUs: number): readonly PeerGroup[] {
  const all = records.filter((record) => !isInbound(record));
  const outbound = new Set(all.filter(({ counterpartId }) => counterpartId !== null).map(({ id }) => id));
  const parts = partition(
    all.filter((record) => countsForPeer(record, outbound)),
    (record) => peerKey(peerOf(record)),
  );
  const groups = [...parts].map(([key, part]): PeerGroup => {
    const peer = peerOf(part[0]);
    const group = summarize(key, part, totals.ofPeer(peer));
    const newConnections = totals.newConnections(peer);
    const unanswered = part.filter(({ kind }) => IS_UNANSWERED[kind]);
    const judgement = judgePeer({
      unanswered,
      stuckCount: group.stuckCount,
      totalCount: group.totalCount,
      signs: totals.signsOf(peer),
      newConnections,
      peer,
      nowUs,
    });
    return { ...group, ...judgement, peer, processCount: countProcesses(part, totals), newConnections };
  });
  return groups.sort(byStuckCount);
}
