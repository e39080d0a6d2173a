/**
 * What is counted of the connections of an audit, or of some of them: taken one after the other, since 100,000 in one go would keep
 * everything else waiting.
 */
import type { AuditedConnection } from './audited.js';
import { AUDIT_RULES, type AuditRule } from './rules.js';

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

/** Of connections with both ends on this host nothing is said. */
export interface ExposureCounts {
  readonly outbound: Exposed;
  readonly inbound: Exposed;
  readonly local: number;
}

/** What a network namespace says about all its connections, the newest word of it. */
export interface NamespaceSettings {
  readonly netns: number;
  readonly retries2: number;
  readonly synRetries: number;
  readonly connections: number;
}

/** The longer of the two waits. */
export function worstWaitUs({ exposure }: Pick<AuditedConnection, 'exposure'>): number {
  return Math.max(exposure.inFlightUs, exposure.idleUs);
}

export function classOf(waitUs: number, limitUs: number): ExposureClass {
  return waitUs === Infinity ? 'never' : waitUs > limitUs ? 'over' : 'bounded';
}

type Counting = Record<keyof Exposed, Record<ExposureClass, number>>;

function nothingExposed(): Counting {
  const none = { never: 0, over: 0, bounded: 0 };
  return { inFlight: { ...none }, idle: { ...none }, worst: { ...none } };
}

export class ExposureTally {
  readonly #limitUs: number;
  readonly #outbound = nothingExposed();
  readonly #inbound = nothingExposed();
  readonly #rules = new Map<AuditRule, number>();
  readonly #namespaces = new Map<number, { retries2: number; synRetries: number; connections: number }>();
  #local = 0;
  #latestFirstProbeUs = 0;

  /** @param limitUs a wait that is longer is too long. */
  constructor(limitUs: number) {
    this.#limitUs = limitUs;
  }

  /** @param count of connections that are like this one. */
  add(connection: AuditedConnection, count = 1): void {
    if (connection.isLocal) {
      this.#local += count;
      return;
    }
    const { exposure, rules, isInbound } = connection;
    const counts = isInbound ? this.#inbound : this.#outbound;
    counts.inFlight[classOf(exposure.inFlightUs, this.#limitUs)] += count;
    counts.idle[classOf(exposure.idleUs, this.#limitUs)] += count;
    counts.worst[classOf(worstWaitUs(connection), this.#limitUs)] += count;
    for (const rule of rules) {
      this.#rules.set(rule, (this.#rules.get(rule) ?? 0) + count);
      if (rule === 'keepalive_longer_than_idle_limit') {
        this.#latestFirstProbeUs = Math.max(this.#latestFirstProbeUs, exposure.firstProbeUs);
      }
    }
    this.#addNamespace(connection, count);
  }

  get exposed(): ExposureCounts {
    return { outbound: this.#outbound, inbound: this.#inbound, local: this.#local };
  }

  /** Those that are broken, in their order, and by how many connections. */
  get rules(): ReadonlyMap<AuditRule, number> {
    const counts = this.#rules;
    return new Map(AUDIT_RULES.flatMap((rule) => (counts.has(rule) ? [[rule, counts.get(rule) ?? 0] as const] : [])));
  }

  /** Those with most connections first. */
  get namespaces(): readonly NamespaceSettings[] {
    return [...this.#namespaces]
      .map(([netns, settings]) => ({ netns, ...settings }))
      .sort((a, b) => b.connections - a.connections || a.netns - b.netns);
  }

  /** When the last of those probes that break the rule of idle limits, microseconds after the peer was heard. */
  get latestFirstProbeUs(): number {
    return this.#latestFirstProbeUs;
  }

  #addNamespace({ netns, sysctls }: AuditedConnection, count: number): void {
    const known = this.#namespaces.get(netns);
    if (known === undefined) {
      this.#namespaces.set(netns, { ...sysctls, connections: count });
    } else {
      Object.assign(known, sysctls);
      known.connections += count;
    }
  }
}
