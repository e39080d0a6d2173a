/** Thresholds and bounds of the tracker. */
import type { EvidenceRule } from './evidence.js';

interface KindConfig<Open> {
  readonly enabled: boolean;
  /** What must hold before a record opens. */
  readonly open: Open;
}

/** How long it must have lasted without any progress. */
interface Lasting {
  readonly afterMs: number;
}

/** When a record of each kind opens. */
export interface KindRules {
  readonly retransmitting: KindConfig<EvidenceRule>;
  /** `probes`: unanswered keepalive probes, 1-255; this one must be older than max(1 s, 4 srtt). */
  readonly keepalive_unanswered: KindConfig<{ readonly probes: number }>;
  /** `probes`: unanswered window probes, 1-255; `afterMs`: how long a peer may answer them and keep its window closed. */
  readonly zero_window: KindConfig<{ readonly probes: number } & Lasting>;
  /** `retransmits`: unanswered SYN retransmissions, 1-255. */
  readonly connecting: KindConfig<{ readonly retransmits: number }>;
  /** `handshakes`: of which the SYN-ACK was sent again; `share`: of the backlog, 0-1. Both must be reached. */
  readonly accepting: KindConfig<{ readonly handshakes: number; readonly share: number } & Lasting>;
  readonly accept_queue_full: KindConfig<Lasting>;
  readonly closing: KindConfig<Lasting>;
  readonly fin_wait: KindConfig<Lasting>;
  readonly close_wait: KindConfig<Lasting>;
  readonly unread: KindConfig<Lasting>;
  readonly zombie: KindConfig<Lasting>;
  /** `idleMs`: how long the connection must have been idle before. */
  readonly stale_reuse: KindConfig<{ readonly idleMs: number }>;
}

export interface TrackerConfig {
  readonly kinds: KindRules;
  /** Suspects and open records together. Beyond, the oldest suspect makes room; without one the socket is refused. */
  readonly maxTracked: number;
  /** Sockets whose last record is remembered, for `previousId`. */
  readonly maxRecentlyEnded: number;
  /** Sockets that left recently, remembered so that a report from before does not bring them back. */
  readonly maxForgotten: number;
  /** Stale reuses whose process is being looked up; further ones are dropped, and counted. */
  readonly maxReuses: number;
  /** Peers whose idle limit is remembered. */
  readonly maxIdleLimits: number;
  /** Descriptors of one socket. */
  readonly maxHolders: number;
  /** Processes that hold reported sockets, in one sweep. */
  readonly maxProcesses: number;
  /** Steps kept of the life of one record: the first half and the last. */
  readonly maxTimeline: number;
}

export const DEFAULT_TRACKER_CONFIG: TrackerConfig = {
  kinds: {
    retransmitting: { enabled: true, open: { retransmits: 3, chance: 1e-4 } },
    keepalive_unanswered: { enabled: true, open: { probes: 2 } },
    zero_window: { enabled: true, open: { probes: 3, afterMs: 60_000 } },
    connecting: { enabled: true, open: { retransmits: 3 } },
    accepting: { enabled: true, open: { handshakes: 16, share: 0.25, afterMs: 30_000 } },
    accept_queue_full: { enabled: true, open: { afterMs: 10_000 } },
    closing: { enabled: true, open: { afterMs: 15_000 } },
    fin_wait: { enabled: true, open: { afterMs: 600_000 } },
    close_wait: { enabled: true, open: { afterMs: 60_000 } },
    unread: { enabled: true, open: { afterMs: 60_000 } },
    zombie: { enabled: true, open: { afterMs: 60_000 } },
    stale_reuse: { enabled: true, open: { idleMs: 1000 } },
  },
  maxTracked: 200_000,
  maxRecentlyEnded: 4096,
  maxForgotten: 65_536,
  maxReuses: 1024,
  maxIdleLimits: 4096,
  maxHolders: 64,
  maxProcesses: 65_536,
  maxTimeline: 32,
};
