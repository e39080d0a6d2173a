/** Where audits come from, as RPC and metrics see it. */
import type { ExposureCounts } from './findings.js';
import type { AuditRule, PathIdleLimit } from './rules.js';
import type { AuditResult } from './run.js';

/** What is kept of an audit when all who asked for it have its result: numbers, not connections. */
export interface AuditCounts {
  readonly exposed: ExposureCounts;
  readonly rules: ReadonlyMap<AuditRule, number>;
  /** The end of the pass, CLOCK_MONOTONIC microseconds. */
  readonly endUs: number;
}

export interface AuditSource {
  readonly idleLimits: readonly PathIdleLimit[];
  /** Of the last audit that was complete, with `COUNTED_LIMIT_US`; null before the first. */
  readonly last: AuditCounts | null;
  /** Audits that came to nothing, asked for by anybody. */
  readonly failed: number;
  /**
   * Looks at all connections, with a pass that begins after this call.
   * @throws Error that says why the sensor cannot say.
   */
  audit(): Promise<AuditResult>;
}

/** From which on the counts of an audit call a wait too long. */
export const COUNTED_LIMIT_US = 15 * 60 * 1_000_000;
