/** What goes into the alert rules and what comes out of them. */
import type { Alert, AlertChange } from '../alert.js';
import type { RecordChange } from '../ports.js';
import type { Workload } from '../workload.js';
import type { AlertConfig } from './alert-config.js';
import type { Ends } from './ends.js';
import type { Side } from './place.js';

/** A firing alert as it is kept over a restart of the daemon. Its connections are records, which are kept elsewhere. */
export interface SavedAlert {
  /** Without connections. */
  readonly alert: Alert;
  /** Key of its target. */
  readonly target: string;
  readonly side: Side;
  /** Of a loopback peer; else 0. */
  readonly netns: number;
  /** Null for one that stands for several processes. */
  readonly subject: string | null;
}

/** What survives a restart of the daemon. */
export interface SavedAlerts {
  readonly alerts: readonly SavedAlert[];
  /** By fingerprint, oldest first: without it, what comes back all the time would be told anew after each restart. */
  readonly ends: readonly (readonly [fingerprint: string, ends: Ends])[];
}

export type AlertInput =
  | { readonly type: 'record'; readonly change: RecordChange; readonly workload: Workload | null }
  | { readonly type: 'tick' }
  /** A sweep has counted connections anew. */
  | { readonly type: 'counted' }
  | { readonly type: 'configure'; readonly config: AlertConfig }
  /** Before any record. `isSameBoot`: otherwise no connection of theirs is left. */
  | { readonly type: 'restore'; readonly saved: SavedAlerts; readonly isSameBoot: boolean }
  /** Every connection that is stuck has been seen. */
  | { readonly type: 'settled' };

/** `restored`: it fires on after a restart, which is no news to anybody. */
export type AlertEffect = AlertChange | (Omit<AlertChange, 'kind'> & { readonly kind: 'restored' });
