/** When alerts fire, whom they concern, and the bounds of their tables. */
import type { Severity } from '../alert.js';
import type { StuckKind } from '../kinds.js';
import type { AlertMatch } from './alert-match.js';

/** What rules can set as well. */
export interface Thresholds {
  readonly enabled: boolean;
  /** A connection counts when its record has been open for so long. */
  readonly afterMs: number;
  /** How many connections must count. */
  readonly connections: number;
  /** For how long that must have been so. */
  readonly forMs: number;
  /** Of connections that came in: also this share of all connections of the listener, 0-1. */
  readonly share: number;
}

/** When one kind fires. */
export interface KindAlert extends Omit<Thresholds, 'share'> {
  /** One connection is enough when its record has been open for so long; null: never. */
  readonly orAfterMs: number | null;
  /** Records that are for information count no earlier than after this; null: never. */
  readonly informationalAfterMs: number | null;
  /** A number that has grown for minutes is enough, without `afterMs`. */
  readonly rising: boolean;
  /** Of events: for how long one counts. Null: the records of this kind last. */
  readonly windowMs: number | null;
}

/** Connections that came in: their peers vanish all day, so one is no news. */
export interface InboundFloor {
  readonly connections: number;
  readonly share: number;
  readonly forMs: number;
}

/** What it does not name stays as other rules or the defaults say. */
export interface AlertRule {
  readonly match: AlertMatch;
  readonly alert: Partial<Thresholds>;
  readonly severity: Severity | null;
  readonly receivers: readonly string[] | null;
  /** No rule below is looked at. */
  readonly stop: boolean;
}

export interface Silence {
  readonly match: AlertMatch;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/** A condition that comes back soon after it ended fires later and later. */
export interface Damping {
  /** Delay of the first time that it comes back; every further one doubles it. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** After so long a quiet it is new again. */
  readonly forgetMs: number;
}

export interface AlertConfig {
  readonly kinds: Readonly<Record<StuckKind, KindAlert>>;
  readonly inbound: InboundFloor;
  readonly rules: readonly AlertRule[];
  readonly silences: readonly Silence[];
  /** Who is told of alerts for which no rule names receivers. */
  readonly receivers: readonly string[];
  /** From so many processes on, their alerts about one peer are one; 0: never. */
  readonly collapseProcesses: number;
  /** From so many peers on, the alerts of one process about them are one; 0: never. */
  readonly collapsePeers: number;
  /** An alert is resolved when its condition has not held for so long. */
  readonly keepFiringForMs: number;
  /** Changes of one alert are told no more often than this, but for those of its severity, silence and receivers. */
  readonly updateIntervalMs: number;
  readonly damping: Damping;
  /** Records that are looked at; further ones are left out, and counted. */
  readonly maxMembers: number;
  /** Alerts that fire at the same time; further ones wait, and are counted. */
  readonly maxFiring: number;
  /** Conditions whose last end is remembered. */
  readonly maxDamped: number;
}

const MINUTE_MS = 60_000;

const LASTING: KindAlert = {
  enabled: true,
  afterMs: 15_000,
  connections: 1,
  forMs: 0,
  orAfterMs: null,
  informationalAfterMs: null,
  rising: false,
  windowMs: null,
};

/** The informational kinds: off; switched on, they are told as what they are. */
const OFF: KindAlert = { ...LASTING, enabled: false, informationalAfterMs: 0 };

export const DEFAULT_ALERT_CONFIG: AlertConfig = {
  kinds: {
    retransmitting: LASTING,
    keepalive_unanswered: LASTING,
    zero_window: { ...LASTING, informationalAfterMs: 5 * MINUTE_MS },
    connecting: { ...LASTING, afterMs: 0, connections: 3, orAfterMs: 30_000 },
    accepting: OFF,
    accept_queue_full: LASTING,
    closing: { ...LASTING, afterMs: 0, connections: 50 },
    fin_wait: OFF,
    close_wait: { ...LASTING, afterMs: 5 * MINUTE_MS, connections: 10, rising: true },
    unread: { ...LASTING, afterMs: 0 },
    zombie: { ...LASTING, afterMs: 0, connections: 5 },
    stale_reuse: { ...LASTING, afterMs: 0, connections: 3, windowMs: 5 * MINUTE_MS },
  },
  inbound: { connections: 20, share: 0.05, forMs: 5 * MINUTE_MS },
  rules: [],
  silences: [],
  receivers: [],
  collapseProcesses: 5,
  collapsePeers: 20,
  keepFiringForMs: 10_000,
  updateIntervalMs: 5000,
  damping: { firstMs: 30_000, maxMs: 15 * MINUTE_MS, forgetMs: 60 * MINUTE_MS },
  maxMembers: 200_000,
  maxFiring: 1000,
  maxDamped: 4096,
};
