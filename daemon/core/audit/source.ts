/** Where audits come from, as RPC and metrics see it. */
import type { PathIdleLimit } from './rules.js';
import type { AuditCounts, AuditResult } from './run.js';

/** The sensor that runs can never say; the message says why. */
export class AuditRefusal extends Error {
  override readonly name = 'AuditRefusal';
}

export interface AuditSource {
  readonly idleLimits: readonly PathIdleLimit[];
  /** Of the last audit that was complete; null before the first, and while the sensor cannot audit. */
  readonly last: AuditCounts | null;
  /** Audits that came to nothing, asked for by anybody. */
  readonly failed: number;
  /**
   * Looks at all connections, with a pass that begins after this call.
   * @throws Error that says why the sensor cannot say; AuditRefusal if trying again does not help.
   */
  audit(): Promise<AuditResult>;
}
