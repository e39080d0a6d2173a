/** What `stuckctl audit` does. */
import type { AuditRequest, StuckdClient } from '../rpc/grpc-client.js';
import { auditRuleName } from '../rpc/audit-names.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { toProtoJson } from '../rpc/proto-json.js';
import type { Command } from './arguments.js';
import type { FailOn } from './audit-arguments.js';
import { formatAudit } from './audit-table.js';
import { type CliIo, EXIT } from './cli-io.js';
import { jsonDocument, jsonLine } from './commands.js';

export type AuditCommand = Extract<Command, { name: 'audit' }>;
type Finding = stuckd.v1.AuditFinding.$Properties;
type Summary = stuckd.v1.AuditSummary.$Properties;

const PAGE_SIZE = 500;

export interface Audit {
  readonly findings: readonly Finding[];
  readonly summary: Summary;
}

/** Up to the limit. */
export async function fetchAudit({ filter, threshold, limit }: AuditCommand, client: StuckdClient): Promise<Audit> {
  const findings: Finding[] = [];
  let pageToken = '';
  for (;;) {
    const pageSize = Math.min(limit - findings.length, PAGE_SIZE);
    const request: AuditRequest = { filter, threshold, pageSize, pageToken };
    const { findings: page, summary, nextPageToken } = await client.auditConnections(request);
    findings.push(...page);
    if (nextPageToken === '' || findings.length >= limit) {
      return { findings, summary: summary ?? {} };
    }
    pageToken = nextPageToken;
  }
}

function isMet(condition: FailOn, { outbound, inbound, rules }: Summary): boolean {
  const never = (outbound?.neverCount ?? 0) + (inbound?.neverCount ?? 0);
  switch (condition.kind) {
    case 'never':
      return never > 0;
    case 'over':
      return never + (outbound?.overThresholdCount ?? 0) + (inbound?.overThresholdCount ?? 0) > 0;
    case 'rule':
      return (rules ?? []).some(({ rule }) => auditRuleName(rule) === condition.rule);
  }
}

/** @returns whether `--fail-on` asks for a failure. */
export function fails({ failOn }: AuditCommand, summary: Summary): boolean {
  return failOn.some((condition) => isMet(condition, summary));
}

/** @returns the exit code. */
export async function audit(command: AuditCommand, client: StuckdClient, io: CliIo): Promise<number> {
  const { findings, summary } = await fetchAudit(command, client);
  switch (command.output) {
    case 'json':
      await io.write(jsonDocument({ findings: findings.map(toProtoJson), summary: toProtoJson(summary) }));
      break;
    case 'jsonl':
      await io.write(findings.map((finding) => jsonLine(toProtoJson(finding))).join(''));
      break;
    case 'table':
      await io.write(formatAudit(findings, summary, io.columns));
      break;
  }
  return fails(command, summary) ? EXIT.CHECK_FAILED : EXIT.OK;
}
