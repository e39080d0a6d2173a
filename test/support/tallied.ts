/** What is counted connection by connection, for tests that have them all. */
import type { AuditedConnection } from '../../daemon/core/audit/audited.js';
import { ExposureTally } from '../../daemon/core/audit/exposure-tally.js';
import { type AuditFinding, FindingsTally, worstFirst } from '../../daemon/core/audit/findings.js';
import type { HeldConnection } from '../../daemon/core/audit/run.js';

export function tallied(connections: readonly AuditedConnection[], limitUs = Infinity): ExposureTally {
  const tally = new ExposureTally(limitUs);
  for (const connection of connections) {
    tally.add(connection);
  }
  return tally;
}

/** @returns worst first. */
export function findingsOf(connections: readonly HeldConnection[], limitUs: number): readonly AuditFinding[] {
  const tally = new FindingsTally(limitUs);
  for (const connection of connections) {
    tally.add(connection);
  }
  return [...tally.parts].sort(worstFirst).map((part) => part.finding());
}
