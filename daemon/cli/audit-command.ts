/** What `stuckctl audit` does. */
import type { AuditRequest, StuckdClient } from '../rpc/grpc-client.js';
import { auditRuleName } from '../rpc/audit-names.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { toProtoJson } from '../rpc/proto-json.js';
import { durationToMs } from '../rpc/proto-time.js';
import type { Command } from './arguments.js';
import type { FailOn } from './audit-arguments.js';
import { formatAudit } from './audit-table.js';
import { type CliIo, EXIT } from './cli-io.js';
import { jsonDocument, jsonLine } from './commands.js';
import { durationText } from './quantity-text.js';

export type AuditCommand = Extract<Command, { name: 'audit' }>;
type Finding = stuckd.v1.AuditFinding.$Properties;
type Summary = stuckd.v1.AuditSummary.$Properties;

const PAGE_SIZE = 500;

export interface Audit {
  readonly findings: readonly Finding[];
  readonly summary: Summary;
}

/** Up to the limit. */
export async function fetchAudit(
  { filter, threshold, direction, limit }: AuditCommand,
  client: StuckdClient,
): Promise<Audit> {
  const findings: Finding[] = [];
  let pageToken = '';
  for (;;) {
    const pageSize = Math.min(limit - findings.length, PAGE_SIZE);
    const request: AuditRequest = { filter, threshold, direction, pageSize, pageToken };
    const { findings: page, summary, nextPageToken } = await client.auditConnections(request);
    findings.push(...page);
    if (nextPageToken === '' || findings.length >= limit) {
      return { findings, summary: summary ?? {} };
    }
    pageToken = nextPageToken;
  }
}

/** @returns how many connections are what somebody does not want, and what they do. */
function failures(condition: FailOn, { outbound, inbound, rules, threshold }: Summary): readonly [number, string] {
  const [made, came] = [outbound?.worst, inbound?.worst];
  const never = (made?.neverCount ?? 0) + (came?.neverCount ?? 0);
  switch (condition.kind) {
    case 'never':
      return [never, 'would hang for ever'];
    case 'over': {
      const over = (made?.overThresholdCount ?? 0) + (came?.overThresholdCount ?? 0);
      return [never + over, `would hang for more than ${durationText(durationToMs(threshold ?? {}))}`];
    }
    case 'rule': {
      const broken = (rules ?? []).find(({ rule }) => auditRuleName(rule) === condition.rule);
      return [broken?.connectionCount ?? 0, `with ${condition.rule}`];
    }
  }
}

/** @returns whether somebody asked about some connections only. */
export function isFiltered({ filter, direction }: Pick<AuditCommand, 'filter' | 'direction'>): boolean {
  return direction !== null || Object.values(filter).some((values) => Array.isArray(values) && values.length > 0);
}

function connectionsOf({ outbound, inbound, localCount }: Summary): number {
  const counts = [outbound?.worst, inbound?.worst].flatMap((one) => [
    one?.neverCount ?? 0,
    one?.overThresholdCount ?? 0,
    one?.withinThresholdCount ?? 0,
  ]);
  return counts.reduce((sum, count) => sum + count, localCount ?? 0);
}

/** @returns why a check that found nothing proves nothing; null where it does. A typo must not keep a pipeline green. */
function doubt(command: AuditCommand, summary: Summary): string | null {
  const unreported = summary.unreportedCount ?? 0;
  if (unreported > 0) {
    return `${unreported} descriptors were not looked at: an audit looks at 100,000 of a node, whatever the filters`;
  }
  return isFiltered(command) && connectionsOf(summary) === 0
    ? 'no established connection matches the filters, so that nothing was checked'
    : null;
}

/** What `--fail-on` makes of an audit; the reason stands on standard error, where a log of a pipeline has it. @returns the exit code. */
export function check(command: AuditCommand, summary: Summary, io: Pick<CliIo, 'writeError'>): number {
  const found = command.failOn.map((condition) => failures(condition, summary)).filter(([count]) => count > 0);
  for (const [count, what] of found) {
    io.writeError(`stuckctl: --fail-on: ${count} ${count === 1 ? 'connection' : 'connections'} ${what}\n`);
  }
  if (found.length > 0) {
    return EXIT.CHECK_FAILED;
  }
  const reason = command.failOn.length === 0 ? null : doubt(command, summary);
  if (reason !== null) {
    io.writeError(`stuckctl: --fail-on: ${reason}\n`);
  }
  return reason === null ? EXIT.OK : EXIT.FAILED;
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
  return check(command, summary, io);
}
