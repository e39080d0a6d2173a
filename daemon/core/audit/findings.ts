/** The connections of an audit by process and destination, worst first. */
import { processKey } from '../ownership.js';
import type { Owner } from '../record.js';
import type { Endpoint } from '../snapshot.js';
import { classOf, type Exposed, ExposureTally, worstWaitUs } from './exposure-tally.js';
import type { HeldConnection } from './run.js';
import type { AuditRule } from './rules.js';

/** Shortest and longest of some connections, microseconds; Infinity: never. */
export interface WaitRange {
  readonly shortestUs: number;
  readonly longestUs: number;
}

/** One of some connections that are alike in all that decides how long they hang, and how many they are. */
export interface Alike {
  readonly connection: HeldConnection;
  readonly count: number;
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
  readonly count: number;
  /** All of them, one of each sort. */
  readonly alike: readonly Alike[];
  /** Some of them, worst first, and of those that are as bad the one that is idle for longest. */
  readonly samples: readonly HeldConnection[];
  /** From which on a wait was too long, microseconds. */
  readonly limitUs: number;
  readonly exposed: Exposed;
  readonly inFlight: WaitRange;
  readonly idle: WaitRange;
  /** Those that are broken, and by how many connections. */
  readonly rules: ReadonlyMap<AuditRule, number>;
  /** Of those that break the rule of idle limits the latest first probe, microseconds after the peer was heard. */
  readonly latestFirstProbeUs: number;
}

const SAMPLES_MAX = 5;

/** Among so many of the latest sorts a connection looks for its own. One that stands there twice changes nothing. */
const SORTS_COMPARED = 16;

/**
 * What a process has to one destination, one connection after the other. There may be as many of these as connections, so a
 * finding is made of it only for who reads it.
 */
export class FindingTally implements FindingWeight {
  readonly key: string;
  readonly #limitUs: number;
  readonly #first: HeldConnection;
  readonly #alike: { connection: HeldConnection; count: number }[] = [];
  #samples: HeldConnection[] = [];
  never = 0;
  over = 0;
  connections = 0;

  /** @param limitUs a wait that is longer is too long. */
  constructor(key: string, first: HeldConnection, limitUs: number) {
    this.key = key;
    this.#first = first;
    this.#limitUs = limitUs;
  }

  get isInbound(): boolean {
    return this.#first.isInbound;
  }

  add(connection: HeldConnection): void {
    this.connections++;
    const exposure = classOf(worstWaitUs(connection), this.#limitUs);
    this.never += Number(exposure === 'never');
    this.over += Number(exposure === 'over');
    this.#addAlike(connection);
    const least = this.#samples[SAMPLES_MAX - 1];
    if (least === undefined || worseFirst(connection, least) < 0) {
      this.#samples = [...this.#samples, connection].sort(worseFirst).slice(0, SAMPLES_MAX);
    }
  }

  finding(): AuditFinding {
    const { owner, isInbound, remote, local } = this.#first;
    const tally = new ExposureTally(this.#limitUs);
    for (const { connection, count } of this.#alike) {
      tally.add(connection, count);
    }
    const { exposed, rules, latestFirstProbeUs } = tally;
    return {
      ...{ key: this.key, owner, count: this.connections, alike: this.#alike, samples: this.#samples },
      ...{ limitUs: this.#limitUs, rules, latestFirstProbeUs },
      peer: isInbound ? null : remote,
      localPort: isInbound ? local.port : 0,
      exposed: isInbound ? exposed.inbound : exposed.outbound,
      inFlight: rangeOf(this.#alike.map(({ connection }) => connection.exposure.inFlightUs)),
      idle: rangeOf(this.#alike.map(({ connection }) => connection.exposure.idleUs)),
    };
  }

  #addAlike(connection: HeldConnection): void {
    const last = this.#alike.length - 1;
    for (let index = last; index >= 0 && index > last - SORTS_COMPARED; index--) {
      const alike = this.#alike[index];
      if (alike !== undefined && areAlike(alike.connection, connection)) {
        alike.count++;
        return;
      }
    }
    this.#alike.push({ connection, count: 1 });
  }
}

/** What decides how long they hang is one object for all connections of an audit that have it. */
function areAlike(a: HeldConnection, b: HeldConnection): boolean {
  return (
    a.exposure === b.exposure &&
    a.rules.length === b.rules.length &&
    a.rules.every((rule, index) => rule === b.rules[index])
  );
}

/** Counts all connections of an audit, and those of each process and destination. */
export class FindingsTally {
  readonly #limitUs: number;
  readonly #parts = new Map<string, FindingTally>();
  /** Of them all. */
  readonly total: ExposureTally;

  /** @param limitUs a wait that is longer is too long. */
  constructor(limitUs: number) {
    this.#limitUs = limitUs;
    this.total = new ExposureTally(limitUs);
  }

  add(connection: HeldConnection): void {
    this.total.add(connection);
    if (connection.isLocal) {
      return;
    }
    const key = findingKey(connection);
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = new FindingTally(key, connection, this.#limitUs);
      this.#parts.set(key, part);
    }
    part.add(connection);
  }

  /** In any order. */
  get parts(): readonly FindingTally[] {
    return [...this.#parts.values()];
  }
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

function worseFirst(a: HeldConnection, b: HeldConnection): number {
  return descending(worstWaitUs(a), worstWaitUs(b)) || b.idleForUs - a.idleForUs;
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

/** @returns as sort() wants it. */
export function worstFirst(a: FindingTally, b: FindingTally): number {
  return heavierFirst(a, b) || Number(a.key > b.key) - Number(a.key < b.key);
}

/** Infinity minus Infinity is no number. */
function descending(a: number, b: number): number {
  return Number(a < b) - Number(a > b);
}
