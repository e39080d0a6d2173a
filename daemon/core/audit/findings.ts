/** The connections of an audit by process and destination, worst first. */
import { processKey } from '../ownership.js';
import type { Owner } from '../record.js';
import type { Endpoint } from '../snapshot.js';
import type { AuditedConnection } from './audited.js';
import type { HeldConnection } from './run.js';
import { AUDIT_RULES, brokenLimits, type AuditRule, type PathIdleLimit } from './rules.js';

/** How long an application would wait, at worst: for ever, longer than a limit, or not longer. */
export const EXPOSURE_CLASSES = ['never', 'over', 'bounded'] as const;

export type ExposureClass = (typeof EXPOSURE_CLASSES)[number];

/** How many connections would hang for how long. */
export type HangCounts = Readonly<Record<ExposureClass, number>>;

/** Each connection counts once in each. */
export interface Exposed {
  /** With data in flight: what a request would wait. */
  readonly inFlight: HangCounts;
  /** While idle: for how long a connection would look alive. */
  readonly idle: HangCounts;
  /** By the longer of its two waits. */
  readonly worst: HangCounts;
}

/** Shortest and longest of some connections, microseconds; Infinity: never. */
export interface WaitRange {
  readonly shortestUs: number;
  readonly longestUs: number;
}

export interface AuditFinding {
  /** Names the process and the destination among all. */
  readonly key: string;
  /** Null: nobody was found to hold these. */
  readonly owner: Owner | null;
  /** Null for what came in. */
  readonly peer: Endpoint | null;
  /** 0 for connections to a peer. */
  readonly localPort: number;
  readonly connections: readonly [HeldConnection, ...HeldConnection[]];
  /** From which on a wait was too long, microseconds. */
  readonly limitUs: number;
  readonly exposed: Exposed;
  readonly inFlight: WaitRange;
  readonly idle: WaitRange;
  /** Those that are broken, and by how many connections. */
  readonly rules: ReadonlyMap<AuditRule, number>;
}

/** Of connections with both ends on this host nothing is said. */
export interface ExposureCounts {
  readonly outbound: Exposed;
  readonly inbound: Exposed;
  readonly local: number;
}

/** The longer of the two waits. */
function worstWaitUs({ exposure }: Pick<AuditedConnection, 'exposure'>): number {
  return Math.max(exposure.inFlightUs, exposure.idleUs);
}

function classOf(waitUs: number, limitUs: number): ExposureClass {
  return waitUs === Infinity ? 'never' : waitUs > limitUs ? 'over' : 'bounded';
}

type Counting = Record<keyof Exposed, Record<ExposureClass, number>>;

function nothingExposed(): Counting {
  const none = { never: 0, over: 0, bounded: 0 };
  return { inFlight: { ...none }, idle: { ...none }, worst: { ...none } };
}

function countInto(counts: Counting, connection: AuditedConnection, limitUs: number): void {
  counts.inFlight[classOf(connection.exposure.inFlightUs, limitUs)]++;
  counts.idle[classOf(connection.exposure.idleUs, limitUs)]++;
  counts.worst[classOf(worstWaitUs(connection), limitUs)]++;
}

/** @param limitUs a wait that is longer is too long. */
export function countExposed(connections: readonly AuditedConnection[], limitUs: number): ExposureCounts {
  const outbound = nothingExposed();
  const inbound = nothingExposed();
  let local = 0;
  for (const connection of connections) {
    if (connection.isLocal) {
      local++;
    } else {
      countInto(connection.isInbound ? inbound : outbound, connection, limitUs);
    }
  }
  return { outbound, inbound, local };
}

/** @returns how many connections break each rule; without those with both ends on this host. */
export function countRules(connections: readonly AuditedConnection[]): ReadonlyMap<AuditRule, number> {
  const counts = new Map<AuditRule, number>();
  for (const { rules, isLocal } of connections) {
    for (const rule of isLocal ? [] : rules) {
      counts.set(rule, (counts.get(rule) ?? 0) + 1);
    }
  }
  return new Map(AUDIT_RULES.flatMap((rule) => (counts.has(rule) ? [[rule, counts.get(rule) ?? 0] as const] : [])));
}

/** @returns the limits of the path that one of them breaks at least. */
export function limitsBrokenBy(
  connections: readonly AuditedConnection[],
  limits: readonly PathIdleLimit[],
): readonly PathIdleLimit[] {
  let latestUs = 0;
  for (const { rules, exposure, isLocal } of connections) {
    if (!isLocal && rules.includes('keepalive_longer_than_idle_limit')) {
      latestUs = Math.max(latestUs, exposure.firstProbeUs);
    }
  }
  return brokenLimits(latestUs, limits);
}

/** What a network namespace says about all its connections, the newest word of it. */
export interface NamespaceSettings {
  readonly netns: number;
  readonly retries2: number;
  readonly synRetries: number;
  readonly connections: number;
}

/** @returns those with most connections first; without those with both ends on this host. */
export function namespacesOf(connections: readonly AuditedConnection[]): readonly NamespaceSettings[] {
  const namespaces = new Map<number, NamespaceSettings>();
  for (const { netns, sysctls, isLocal } of connections) {
    if (!isLocal) {
      namespaces.set(netns, { netns, ...sysctls, connections: (namespaces.get(netns)?.connections ?? 0) + 1 });
    }
  }
  return [...namespaces.values()].sort((a, b) => b.connections - a.connections || a.netns - b.netns);
}

/** @param limitUs a wait that is longer is too long. @returns worst first. */
export function findingsOf(connections: readonly HeldConnection[], limitUs: number): readonly AuditFinding[] {
  const parts = new Map<string, [HeldConnection, ...HeldConnection[]]>();
  for (const connection of connections) {
    if (connection.isLocal) {
      continue;
    }
    const key = findingKey(connection);
    const part = parts.get(key);
    if (part === undefined) {
      parts.set(key, [connection]);
    } else {
      part.push(connection);
    }
  }
  return [...parts].map(([key, part]) => findingOf(key, part, limitUs)).sort(worstFirst);
}

function findingOf(key: string, part: [HeldConnection, ...HeldConnection[]], limitUs: number): AuditFinding {
  const connections = part.sort((a, b) => descending(worstWaitUs(a), worstWaitUs(b)) || b.idleForUs - a.idleForUs);
  const [{ owner, isInbound, remote, local }] = connections;
  const counts = countExposed(connections, limitUs);
  return {
    ...{ key, owner, connections },
    peer: isInbound ? null : remote,
    localPort: isInbound ? local.port : 0,
    limitUs,
    exposed: isInbound ? counts.inbound : counts.outbound,
    inFlight: rangeOf(connections.map(({ exposure }) => exposure.inFlightUs)),
    idle: rangeOf(connections.map(({ exposure }) => exposure.idleUs)),
    rules: countRules(connections),
  };
}

/** One address may be another host in each network namespace. */
function findingKey({ owner, isInbound, remote, local, netns }: HeldConnection): string {
  const process = owner === null ? '' : processKey(owner.pid, owner.startBootUs);
  const where = isInbound ? `port ${local.port}` : `${remote.address} ${remote.port}`;
  return `${process} ${where} in ${netns}`;
}

function rangeOf(waits: readonly number[]): WaitRange {
  let shortestUs = Infinity;
  let longestUs = 0;
  for (const waitUs of waits) {
    shortestUs = Math.min(shortestUs, waitUs);
    longestUs = Math.max(longestUs, waitUs);
  }
  return { shortestUs, longestUs };
}

/** What decides which of two findings is worse. */
export interface FindingWeight {
  readonly isInbound: boolean;
  readonly never: number;
  readonly over: number;
  readonly connections: number;
}

/**
 * A request that hangs hurts more than a descriptor that is held for nothing: outbound connections that nothing bounds come
 * before inbound ones.
 */
function severity({ isInbound, never, over }: FindingWeight): number {
  if (never + over === 0) {
    return isInbound ? 5 : 4;
  }
  return (isInbound ? 2 : 0) + (never > 0 ? 0 : 1);
}

/** @returns as sort() wants it, the heavier first. */
export function heavierFirst(a: FindingWeight, b: FindingWeight): number {
  return severity(a) - severity(b) || b.never - a.never || b.over - a.over || b.connections - a.connections;
}

function weightOf({ peer, exposed, connections }: AuditFinding): FindingWeight {
  const { never, over } = exposed.worst;
  return { isInbound: peer === null, never, over, connections: connections.length };
}

function worstFirst(a: AuditFinding, b: AuditFinding): number {
  return heavierFirst(weightOf(a), weightOf(b)) || Number(a.key > b.key) - Number(a.key < b.key);
}

/** Infinity minus Infinity is no number. */
function descending(a: number, b: number): number {
  return Number(a < b) - Number(a > b);
}
