/** The connections of an audit by process and destination, worst first. */
import { isLoopback } from '../loopback.js';
import { processKey } from '../ownership.js';
import type { Owner } from '../record.js';
import type { Endpoint } from '../snapshot.js';
import type { AuditedConnection } from './audited.js';
import type { HeldConnection } from './run.js';
import { AUDIT_RULES, type AuditRule } from './rules.js';

/** How long an application would wait, at worst: for ever, longer than a limit, or not longer. */
export const EXPOSURE_CLASSES = ['never', 'over', 'bounded'] as const;

export type ExposureClass = (typeof EXPOSURE_CLASSES)[number];

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
  readonly byClass: Readonly<Record<ExposureClass, number>>;
  readonly inFlight: WaitRange;
  readonly idle: WaitRange;
  /** Those that are broken, and by how many connections. */
  readonly rules: ReadonlyMap<AuditRule, number>;
}

/** How many connections would hang for how long; of those with both ends on this host nothing is said. */
export interface ExposureCounts {
  readonly outbound: Readonly<Record<ExposureClass, number>>;
  readonly inbound: Readonly<Record<ExposureClass, number>>;
  readonly local: number;
}

/** The longer of the two waits. */
export function worstWaitUs({ exposure }: Pick<AuditedConnection, 'exposure'>): number {
  return Math.max(exposure.inFlightUs, exposure.idleUs);
}

export function classOf(connection: Pick<AuditedConnection, 'exposure'>, limitUs: number): ExposureClass {
  const waitUs = worstWaitUs(connection);
  return waitUs === Infinity ? 'never' : waitUs > limitUs ? 'over' : 'bounded';
}

export function countExposed(connections: readonly AuditedConnection[], limitUs: number): ExposureCounts {
  const outbound = { never: 0, over: 0, bounded: 0 };
  const inbound = { never: 0, over: 0, bounded: 0 };
  let local = 0;
  for (const connection of connections) {
    if (connection.isLocal) {
      local++;
    } else {
      (connection.isInbound ? inbound : outbound)[classOf(connection, limitUs)]++;
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

/** What a network namespace says about all its connections. */
export interface AuditedNamespace {
  readonly netns: number;
  readonly retries2: number;
  readonly synRetries: number;
  readonly connections: number;
}

/** @returns those with most connections first; without those with both ends on this host. */
export function namespacesOf(connections: readonly AuditedConnection[]): readonly AuditedNamespace[] {
  const namespaces = new Map<number, AuditedNamespace>();
  for (const { netns, sysctls, isLocal } of connections) {
    if (!isLocal) {
      namespaces.set(netns, { netns, ...sysctls, connections: (namespaces.get(netns)?.connections ?? 0) + 1 });
    }
  }
  return [...namespaces.values()].sort((a, b) => b.connections - a.connections || a.netns - b.netns);
}

/** @param limitUs from which on a wait is too long. @returns worst first. */
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
    byClass: isInbound ? counts.inbound : counts.outbound,
    inFlight: rangeOf(connections.map(({ exposure }) => exposure.inFlightUs)),
    idle: rangeOf(connections.map(({ exposure }) => exposure.idleUs)),
    rules: countRules(connections),
  };
}

function findingKey({ owner, isInbound, remote, local, netns }: HeldConnection): string {
  const process = owner === null ? '' : processKey(owner.pid, owner.startBootUs);
  const inside = isLoopback(remote.address) ? ` in ${netns}` : '';
  return isInbound ? `${process} port ${local.port}` : `${process} ${remote.address} ${remote.port}${inside}`;
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

function weightOf({ peer, byClass, connections }: AuditFinding): FindingWeight {
  return { isInbound: peer === null, never: byClass.never, over: byClass.over, connections: connections.length };
}

function worstFirst(a: AuditFinding, b: AuditFinding): number {
  return heavierFirst(weightOf(a), weightOf(b)) || Number(a.key > b.key) - Number(a.key < b.key);
}

/** Infinity minus Infinity is no number. */
function descending(a: number, b: number): number {
  return Number(a < b) - Number(a > b);
}
