/** Thresholds and bounds of the tracker. */
import type { EvidenceRule } from './evidence.js';

interface KindConfig<Open> {
  readonly enabled: boolean;
  /** What must hold before a record opens. */
  readonly open: Open;
}

/** When a record of each kind opens. */
export interface KindRules {
  readonly retransmitting: KindConfig<EvidenceRule>;
  /** `probes`: unanswered keepalive probes, 1-255; this one must be older than max(1 s, 4 srtt). */
  readonly keepalive_unanswered: KindConfig<{ readonly probes: number }>;
  /** `retransmits`: unanswered SYN retransmissions, 1-255. */
  readonly connecting: KindConfig<{ readonly retransmits: number }>;
  /** `afterMs`: how long the FIN must stay unacknowledged. */
  readonly closing: KindConfig<{ readonly afterMs: number }>;
}

export interface TrackerConfig {
  readonly kinds: KindRules;
  /** Suspects and open records together. Beyond, the oldest suspect makes room; without one the socket is refused. */
  readonly maxTracked: number;
  /** Sockets whose last record is remembered, for `previousId`. */
  readonly maxRecentlyEnded: number;
  /** Sockets that left recently, remembered so that a report from before does not bring them back. */
  readonly maxForgotten: number;
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
    connecting: { enabled: true, open: { retransmits: 3 } },
    closing: { enabled: true, open: { afterMs: 15_000 } },
  },
  maxTracked: 200_000,
  maxRecentlyEnded: 4096,
  maxForgotten: 65_536,
  maxHolders: 64,
  maxProcesses: 65_536,
  maxTimeline: 32,
};
