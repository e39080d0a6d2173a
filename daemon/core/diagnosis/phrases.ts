/** What each kind is, as the predicate of a sentence. The holder goes before it, a span of time after it. */
import { peerWords } from './words.js';
import type { StuckKind } from '../kinds.js';
import type { StuckRecord } from '../record.js';

interface Phrase {
  /** While it is stuck: `since 14:02:58` follows. */
  readonly present: (peer: string, port: number) => string;
  /** Afterwards: `for 31 s` follows. */
  readonly past: (peer: string, port: number) => string;
  /** What ended it, if it recovered. */
  readonly recovered: string;
}

/** A stale reuse has no duration: it is told by a sentence of its own. */
export type LastingKind = Exclude<StuckKind, 'stale_reuse'>;

const PHRASES: Readonly<Record<LastingKind, Phrase>> = {
  retransmitting: {
    present: (peer) => `has had no answer from ${peer}`,
    past: (peer) => `had no answer from ${peer}`,
    recovered: 'the peer answered again',
  },
  keepalive_unanswered: {
    present: (peer) => `holds an idle connection to ${peer}, which has been silent`,
    past: (peer) => `held an idle connection to ${peer}, which was silent`,
    recovered: 'the peer answered again',
  },
  zero_window: {
    present: (peer) => `has waited for ${peer} to open its receive window`,
    past: (peer) => `waited for ${peer} to open its receive window`,
    recovered: 'the peer took data again',
  },
  connecting: {
    present: (peer) => `has been trying to connect to ${peer}`,
    past: (peer) => `tried to connect to ${peer}`,
    recovered: 'the connection was established',
  },
  accepting: {
    present: (_peer, port) => `has had clients on port ${port} that do not complete the handshake`,
    past: (_peer, port) => `had clients on port ${port} that did not complete the handshake`,
    recovered: 'they had gone or got through',
  },
  accept_queue_full: {
    present: (_peer, port) => `has not accepted connections on port ${port} fast enough`,
    past: (_peer, port) => `did not accept connections on port ${port} fast enough`,
    recovered: 'its queue had room again',
  },
  closing: {
    present: (peer) => `has been closing the connection to ${peer}`,
    past: (peer) => `was closing the connection to ${peer}`,
    recovered: 'the peer answered after all',
  },
  fin_wait: {
    present: (peer) => `has ended its side and waited for ${peer} to end the other`,
    past: (peer) => `had ended its side and waited for ${peer} to end the other`,
    recovered: 'the peer sent something again',
  },
  close_wait: {
    present: (peer) => `has not closed its side of the connection to ${peer}`,
    past: (peer) => `did not close its side of the connection to ${peer}`,
    recovered: 'data was sent on it again',
  },
  unread: {
    present: (peer) => `has not read what ${peer} sent`,
    past: (peer) => `did not read what ${peer} had sent`,
    recovered: 'it read on',
  },
  zombie: {
    present: (peer) => `has held a dead connection to ${peer}`,
    past: (peer) => `held a dead connection to ${peer}`,
    recovered: 'its error was fetched',
  },
};

export function presentWords(kind: LastingKind, record: StuckRecord): string {
  return PHRASES[kind].present(peerWords(record), record.local.port);
}

export function pastWords(kind: LastingKind, record: StuckRecord): string {
  return PHRASES[kind].past(peerWords(record), record.local.port);
}

export function recoveryWords(kind: LastingKind): string {
  return PHRASES[kind].recovered;
}
