/** What the sensor is asked to count, while something of it is stuck. */
import type { StuckRecord } from './record.js';
import { isLoopback } from './alerts/network.js';
import type { Endpoint } from './snapshot.js';

/** Where connections lead to. */
export interface Peer extends Endpoint {
  /** Inode number of the network namespace, of a loopback address: each namespace has its own. 0 of any other. */
  readonly netns: number;
}

/** @returns the remote end of a connection as a peer. */
export function peerOf({ remote: { address, port }, netns }: Pick<StuckRecord, 'remote' | 'netns'>): Peer {
  return { address, port, netns: isLoopback(address) ? netns : 0 };
}

/** Names a peer among all. */
export function peerKey({ address, port, netns }: Peer): string {
  return netns === 0 ? `${address} ${port}` : `${address} ${port} in ${netns}`;
}

export type Interest =
  /** Connections to this address and port, and what becomes of new ones. */
  | { readonly kind: 'peer'; readonly peer: Peer }
  /** Connections that came in on this port. */
  | { readonly kind: 'listener'; readonly port: number }
  /** Whether it lives, and how many connections it has. */
  | { readonly kind: 'process'; readonly pid: number };

/** Names an interest among all. */
export function interestKey(interest: Interest): string {
  switch (interest.kind) {
    case 'peer':
      return `peer ${peerKey(interest.peer)}`;
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
    interests.push({ kind: 'peer', peer: peerOf(record) });
  }
  const holder = record.owner ?? record.lastOwner;
  if (holder !== null) {
    interests.push({ kind: 'process', pid: holder.pid });
  }
  return interests;
}
