/** What the sensor is asked to count, while something of it is stuck. */
import type { StuckRecord } from './record.js';
import type { Endpoint } from './snapshot.js';

export type Interest =
  /** Connections to this address and port, in all namespaces, and what becomes of new ones. */
  | { readonly kind: 'peer'; readonly peer: Endpoint }
  /** Connections that came in on this port. */
  | { readonly kind: 'listener'; readonly port: number }
  /** Whether it lives, and how many connections it has. */
  | { readonly kind: 'process'; readonly pid: number };

/** Names an interest among all. */
export function interestKey(interest: Interest): string {
  switch (interest.kind) {
    case 'peer':
      return `peer ${interest.peer.address} ${interest.peer.port}`;
    case 'listener':
      return `listener ${interest.port}`;
    case 'process':
      return `process ${interest.pid}`;
  }
}

/** A listener's own record, or a connection that came in through one: its peers are clients, and tell nothing. */
export function isInbound(record: StuckRecord): boolean {
  return record.direction === 'inbound' || record.acceptQueue !== null;
}

/** @returns whose totals a record is part of: where it leads to, and the process that holds it or left it behind. */
export function interestsOf(record: StuckRecord): readonly Interest[] {
  const interests: Interest[] = [];
  if (isInbound(record)) {
    interests.push({ kind: 'listener', port: record.local.port });
  } else if (record.remote.port !== 0) {
    interests.push({ kind: 'peer', peer: record.remote });
  }
  const holder = record.owner ?? record.lastOwner;
  if (holder !== null) {
    interests.push({ kind: 'process', pid: holder.pid });
  }
  return interests;
}
