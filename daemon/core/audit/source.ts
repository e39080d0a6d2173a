/** Where audits come from, as the RPC layer sees it. */
import type { PathIdleLimit } from './rules.js';
import type { AuditResult } from './run.js';

export interface AuditSource {
  readonly idleLimits: readonly PathIdleLimit[];
  /** The last audit that was complete; null before the first. */
  readonly last: AuditResult | null;
  /**
   * Looks at all connections now.
   * @throws Error that says why the sensor cannot say.
   */
  audit(): Promise<AuditResult>;
}
