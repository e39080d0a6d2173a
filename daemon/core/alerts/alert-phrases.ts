/** What each kind is, as the predicate of an alert's sentence. A time goes after it. */
import type { Alert } from '../alert.js';
import type { StuckKind } from '../kinds.js';

interface Phrases {
  /** While it fires: `since 14:02:58` follows. */
  readonly present: readonly [one: string, many: string];
  /** Afterwards: `from 14:02:58 to 14:10:01` follows. */
  readonly past: readonly [one: string, many: string];
}

/** @param rest what follows `has` and `have` @param past null: the same as `rest` */
function perfect(rest: string, past: string | null = null): Phrases {
  return { present: [`has ${rest}`, `have ${rest}`], past: [past ?? rest, past ?? rest] };
}

const PHRASES: Readonly<Record<StuckKind, Phrases>> = {
  retransmitting: perfect('had no answer'),
  keepalive_unanswered: {
    present: [
      'is idle and has had no answer to keepalive probes',
      'are idle and have had no answer to keepalive probes',
    ],
    past: ['was idle and had no answer to keepalive probes', 'were idle and had no answer to keepalive probes'],
  },
  zero_window: perfect('waited for the peer to open its receive window'),
  connecting: perfect('had no answer'),
  accepting: perfect(
    'had clients that do not complete the handshake',
    'had clients that did not complete the handshake',
  ),
  accept_queue_full: perfect('not accepted connections fast enough', 'did not accept connections fast enough'),
  closing: perfect('been closing without an answer', 'closed without an answer'),
  fin_wait: perfect('ended this side and waited for the peer to end the other'),
  close_wait: {
    present: [
      'has been closed by the peer, and not by the application,',
      'have been closed by the peer, and not by the application,',
    ],
    past: [
      'was closed by the peer, and not by the application,',
      'were closed by the peer, and not by the application,',
    ],
  },
  unread: perfect('held data that nobody reads', 'held data that nobody read'),
  zombie: {
    present: ['has been dead without being closed', 'have been dead without being closed'],
    past: ['was dead without being closed', 'were dead without being closed'],
  },
  stale_reuse: {
    present: ['went out on a connection that was gone already', 'went out on connections that were gone already'],
    past: ['went out on a connection that was gone already', 'went out on connections that were gone already'],
  },
};

/** Of some it is the verb that the first number takes: `1 of 10 connections has had`. */
export function predicateWords({ kind, status, stuckCount, processCount }: Alert): string {
  const { present, past } = PHRASES[kind];
  const isListener = kind === 'accepting' || kind === 'accept_queue_full';
  const isOne = (isListener ? processCount : stuckCount) <= 1;
  const [one, many] = status === 'firing' ? present : past;
  return isOne ? one : many;
}
