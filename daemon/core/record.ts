/** The record of one stuck connection, from detection to outcome: what clients see, in the daemon's own types. */
import type { Direction, Outcome, OwnerType, StaleReuse, StuckCause, StuckKind } from './kinds.js';
import type { Endpoint } from './snapshot.js';
import type { UnknownFact } from './unknown-facts.js';

/** All times in a record are CLOCK_MONOTONIC, microseconds; `rpc/` and `cli/` convert them to wall time. */
export type MonoUs = number;

/** One descriptor of a socket. */
export interface Holder {
  readonly pid: number;
  readonly comm: string;
  readonly fd: number;
}

/** A process that holds a socket; pid and start time are its identity. */
export interface Owner {
  readonly pid: number;
  /** CLOCK_BOOTTIME, microseconds. */
  readonly startBootUs: number;
  readonly comm: string;
  readonly executable: string;
  readonly uid: number;
  readonly cgroupId: bigint;
  readonly holders: readonly Holder[];
}

/** Socket options that decide how long a connection can stay stuck, sysctls already applied. */
export interface SocketOptions {
  readonly keepalive: boolean;
  readonly keepaliveIdleMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveProbes: number;
  /** 0 if TCP_USER_TIMEOUT is not set. */
  readonly userTimeoutMs: number;
}

/** The same of a connection of which not all of them may be known: null is one that is not. */
export type KnownOptions = { readonly [Option in keyof SocketOptions]: SocketOptions[Option] | null };

export const GIVE_UP_REASONS = [
  'tcp_retries2',
  'user_timeout',
  'keepalive',
  'syn_retries',
  'orphan_retries',
  'shrunk_window',
] as const;

/** Which limit makes the kernel give up. */
export type GiveUpReason = (typeof GIVE_UP_REASONS)[number];

/** When the kernel itself will end the connection; `never` if it will not. */
export type GiveUp =
  | {
      readonly never: true;
      /** Settings that are not known, and of which it supposes that nobody has set them; absent if there are none. */
      readonly supposes?: readonly UnknownFact[];
    }
  | {
      readonly never: false;
      readonly timeUs: MonoUs;
      /** Set where only a window can be known. */
      readonly latestTimeUs: MonoUs | null;
      readonly reason: GiveUpReason;
      /** Retransmissions or probes that are left. */
      readonly retransmitsLeft: number;
      /** Name of the errno that the application will get. */
      readonly expectedError: string;
      /** As above. */
      readonly supposes?: readonly UnknownFact[];
    };

/** The queues of a listener, in connections. */
export interface AcceptQueue {
  /** Established, and waiting for accept(). */
  readonly waiting: number;
  /** As many as listen() allowed to wait. */
  readonly limit: number;
  /** Handshakes that are not complete. */
  readonly handshakes: number;
  /** Of these, those whose SYN-ACK had to be sent again. */
  readonly unanswered: number;
}

/** One step in the life of a record. */
export interface TimelineEntry {
  readonly timeUs: MonoUs;
  readonly text: string;
}

/** A stuck connection. Immutable: every change makes a new object, so that subscribers may keep it. */
export interface StuckRecord {
  readonly id: string;
  readonly previousId: string | null;
  /** The record of the other end, where both ends are on this node and stuck. */
  readonly counterpartId: string | null;
  readonly kind: StuckKind;
  /** TCP state by name, for example `ESTABLISHED`. */
  readonly state: string;
  readonly direction: Direction;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly netns: number;
  readonly cookie: bigint;
  readonly ownerType: OwnerType;
  readonly owner: Owner | null;
  readonly lastOwner: Owner | null;
  /** Of whoever created the socket, cgroup v2; 0n if it is not known. */
  readonly creatorCgroupId: bigint;
  readonly sinceUs: MonoUs;
  readonly sinceAtLeast: boolean;
  readonly detectedUs: MonoUs;
  readonly lastProgressUs: MonoUs | null;
  readonly unackedBytes: number;
  readonly unsentBytes: number;
  readonly unreadBytes: number;
  readonly retransmits: number;
  readonly probes: number;
  readonly rtoMs: number;
  readonly options: KnownOptions;
  /** The present forecast; it is renewed whenever something changes. */
  readonly giveUp: GiveUp | null;
  /** It may well be meant: nobody is alerted by default. */
  readonly informational: boolean;
  /** Null: a plain black hole, or nothing is known. */
  readonly cause: StuckCause | null;
  /** `retransmitting` and `stale_reuse`: how long the connection had been idle before the data that hangs; else null. */
  readonly idleBeforeUs: number | null;
  /** After how much idle time this peer closes connections, as learnt; null: not known. */
  readonly peerIdleLimitUs: number | null;
  /** `stale_reuse` only. */
  readonly reuse: StaleReuse | null;
  /** Of a listener only. */
  readonly acceptQueue: AcceptQueue | null;
  /** Bytes of memory that received data may take. */
  readonly receiveBufferBytes: number;
  /** The forecast as it was when the record opened. */
  readonly detectedGiveUp: GiveUp | null;
  /**
   * How much later than `detectedGiveUp` said the kernel gave up, microseconds; negative: earlier; 0: within its window.
   * Null unless the kernel gave up, and was seen to.
   */
  readonly forecastErrorUs: number | null;
  readonly outcome: Outcome | null;
  readonly endUs: MonoUs | null;
  readonly timeline: readonly TimelineEntry[];
  /** Seen by polling, and not by BPF: with no event, and fewer facts. */
  readonly polled: boolean;
  /** Settings that could matter to it and that polling does not tell; empty if it was seen by BPF. */
  readonly unknown: readonly UnknownFact[];
}
