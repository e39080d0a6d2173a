/** What the alert rules remember: records by group, groups by target, and what fires. */
import type { Alert, AlertProcess, Severity } from '../alert.js';
import { DeadlineQueue } from '../deadline-queue.js';
import type { StuckRecord } from '../record.js';
import type { ConnectionTotals } from '../totals.js';
import type { AlertConfig } from './alert-config.js';
import type { AlertFacts } from './alert-match.js';
import type { AlertEffect } from './alert-messages.js';
import type { Ends } from './ends.js';
import type { Target } from './place.js';
import type { Policy } from './policy.js';

/** A record that counts for an alert. */
export interface Member {
  readonly id: string;
  record: StuckRecord;
  /** Since when it has been what it is: of this kind, and for information or not. */
  sinceUs: number;
  /** Of an event, until when it counts; Infinity for what lasts until it ends. */
  readonly expiresUs: number;
}

/** An alert that fires. */
export interface Firing {
  alert: Alert;
  /** Since when its condition does not hold; null while it does. */
  lapsedUs: number | null;
  /** When it was told last. */
  toldUs: number;
  /** It comes from the last run of the daemon, and its connections have not been seen since. */
  restored: boolean;
}

/** The connections of one process, one kind, and one peer or port. */
export interface Group {
  readonly subject: string;
  readonly members: Map<string, Member>;
  facts: AlertFacts;
  /** Null for orphans, and where no process is known. */
  process: AlertProcess | null;
  /** Null: not asked since facts or configuration changed. */
  policy: Policy | null;
  /** Since when enough connections count; null while they do not. */
  reachedUs: number | null;
  /** When they were last seen to be too small a share of all; -Infinity: never. */
  minorUs: number;
  /** Since when the condition has held; null while it does not. */
  activeUs: number | null;
  /** How many there were at the last full minutes, for `rising`. */
  readonly minutes: number[];
  nextMinuteUs: number;
  /** There was no room for its alert. */
  suppressed: boolean;
  firing: Firing | null;
}

/** All groups of one kind and one peer or port. */
export interface TargetState {
  readonly target: Target;
  readonly groups: Map<string, Group>;
  /** Of all groups. */
  memberCount: number;
  /** When it is looked at next; Infinity: at the next change. */
  wakeUs: number;
  /** The one alert for all groups, where they are told as one. */
  firing: Firing | null;
  /** Since when the condition of any group has held. */
  activeUs: number | null;
  /** Since when there have been too few processes for one common alert. */
  fewUs: number | null;
}

export interface AlertCounters {
  fired: number;
  resolved: number;
  /** Records that found no room. */
  membersRefused: number;
  /** Conditions that held while there was no room for a further alert. */
  alertsRefused: number;
}

export interface AlertState {
  config: AlertConfig;
  readonly targets: Map<string, TargetState>;
  /** Where the member of a record is. */
  readonly places: Map<string, { readonly target: TargetState; readonly group: Group }>;
  readonly deadlines: DeadlineQueue;
  /** By fingerprint; oldest first. */
  readonly ends: Map<string, Ends>;
  firing: number;
  /** The first complete picture is there: what was restored and has not been seen is gone. */
  settled: boolean;
  readonly counters: AlertCounters;
}

/** The world at the time of a step. */
export interface Surroundings {
  /** CLOCK_MONOTONIC, microseconds. */
  readonly nowUs: number;
  /** The same moment, microseconds since 1970. */
  readonly nowRealUs: number;
  readonly totals: ConnectionTotals;
}

/** One call of `step`. */
export interface AlertStep extends Surroundings {
  readonly state: AlertState;
  readonly effects: AlertEffect[];
}

/** What is said of a firing alert by its connections and by the configuration; the rest is its identity and its life. */
export type AlertContent = Pick<
  Alert,
  | 'severity'
  | 'process'
  | 'processCount'
  | 'stuckCount'
  | 'totalCount'
  | 'startUs'
  | 'earliestGiveUpUs'
  | 'connections'
  | 'silencedUntilMs'
  | 'receivers'
>;

export const SEVERITY_RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function createAlertState(config: AlertConfig): AlertState {
  return {
    config,
    targets: new Map(),
    places: new Map(),
    deadlines: new DeadlineQueue(),
    ends: new Map(),
    firing: 0,
    settled: false,
    counters: { fired: 0, resolved: 0, membersRefused: 0, alertsRefused: 0 },
  };
}

/** Makes sure that a target is looked at no later than this. */
export function wakeBy({ deadlines }: AlertState, target: TargetState, timeUs: number): void {
  if (timeUs < target.wakeUs) {
    target.wakeUs = timeUs;
    deadlines.set(target.target.key, timeUs);
  }
}
