/** What an audit says, as kernel tests read it. */
import assert from 'node:assert/strict';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { auditRuleName } from '../../daemon/rpc/audit-names.js';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import type { AuditResponse } from '../../daemon/rpc/grpc-client.js';
import { durationToMs } from '../../daemon/rpc/proto-time.js';
import type { StuckdUnderTest } from './stuckd.js';
import { waitFor } from './wait-for.js';

export type Finding = stuckd.v1.AuditFinding.$Properties;
export type Audited = stuckd.v1.AuditSample.$Properties;

/** An audit of one namespace. */
export async function auditOf({ client }: StuckdUnderTest, { inode }: LabNamespace): Promise<AuditResponse> {
  return client.auditConnections({ filter: { netns: [inode] } });
}

/** Audits until all connections that are wanted are there, and nothing else is. */
export async function auditWith(
  daemon: StuckdUnderTest,
  namespace: LabNamespace,
  connections: number,
): Promise<AuditResponse> {
  const audit = async (): Promise<AuditResponse | false> => {
    const response = await auditOf(daemon, namespace);
    const found = response.findings.reduce((sum, { connectionCount }) => sum + (connectionCount ?? 0), 0);
    return found === connections && response;
  };
  return waitFor(audit, { what: `an audit that finds ${connections} connections` });
}

/** The connection with this local port, among the samples of all findings. */
export function sampleOf({ findings }: AuditResponse, localPort: number | undefined): Audited {
  const sample = findings.flatMap(({ samples }) => samples ?? []).find(({ local }) => local?.port === localPort);
  assert.ok(sample, `a sample with port ${localPort}`);
  return sample;
}

/** Milliseconds; Infinity: for ever. */
export function waitMs(hang: stuckd.v1.HangTime.$Properties | null | undefined): number {
  assert.ok(hang?.never === true || hang?.time, 'either never or a time');
  return hang.time ? durationToMs(hang.time) : Infinity;
}

export function ruleNames({ rules }: Audited): readonly string[] {
  return (rules ?? []).map(auditRuleName);
}
