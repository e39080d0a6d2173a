/** What goes into the alert rules and what comes out of them. */
import type { Alert, AlertChange } from '../alert.js';
import type { RecordChange } from '../ports.js';
import type { Workload } from '../workload.js';
import type { AlertConfig } from './alert-config.js';
import type { Side } from './place.js';

/** A firing alert as it is kept over a restart of the daemon. Its connections are records, which are kept elsewhere. */
export interface SavedAlert {
  /** Without connections. */
  readonly alert: Alert;
  /** Key of its target, or of its crowd. */
  readonly target: string;
  readonly side: Side;
  /** Null for one that stands for several processes or peers. */
  readonly subject: string | null;
}

export type AlertInput =
  | { readonly type: 'record'; readonly change: RecordChange; readonly workload: Workload | null }
  | { readonly type: 'tick' }
  | { readonly type: 'configure'; readonly config: AlertConfig }
  /** Before any record. `isSameBoot`: otherwise no connection of theirs is left. */
  | { readonly type: 'restore'; readonly alerts: readonly SavedAlert[]; readonly isSameBoot: boolean }
  /** Every connection that is stuck has been seen. */
  | { readonly type: 'settled' };

export type AlertEffect = AlertChange;
