/** `stuckctl audit` of several nodes: what each has found, worst first, and below it the sums. */
import { heavierFirst, type FindingWeight } from '../../core/audit/findings.js';
import { toProtoJson } from '../../rpc/proto-json.js';
import { type AuditCommand, check, fetchAudit, isFiltered } from '../audit-command.js';
import { formatAudit } from '../audit-table.js';
import { type CliIo, EXIT } from '../cli-io.js';
import { type AuditFinding, mergeAuditSummaries } from './merge-audits.js';
import { MergedItems } from './merged-items.js';
import type { NodeGroup } from './node-group.js';
import { itemLine, nodesDocument, tellUnreachable, unreachableLines } from './nodes-output.js';

/** Findings that are kept at most, of all nodes together. */
const FINDINGS_MAX = 100_000;

function weightOf({ peer, exposure, connectionCount }: AuditFinding): FindingWeight {
  return {
    isInbound: peer === null || peer === undefined,
    never: exposure?.worst?.neverCount ?? 0,
    over: exposure?.worst?.overThresholdCount ?? 0,
    connections: connectionCount ?? 0,
  };
}

/** A connection that hangs is found for sure, whoever else did not answer. @returns the exit code */
export async function auditNodes(command: AuditCommand, group: NodeGroup, io: CliIo): Promise<number> {
  // The worst of all are among the worst of each.
  const share = Math.max(1, Math.floor(FINDINGS_MAX / Math.max(1, group.nodes.length)));
  const limit = Math.min(command.limit, share);
  const answers = await group.ask(({ client }) => fetchAudit({ ...command, limit }, client), 'audit');
  const merged = new MergedItems(
    answers.map(({ node, value }) => ({ node, value: value.findings })),
    (a, b) => heavierFirst(weightOf(a), weightOf(b)),
    command.limit,
  );
  const summaries = answers.map(({ value }) => value.summary);
  const summary = answers.length === 0 ? null : mergeAuditSummaries(summaries, isFiltered(command));
  switch (command.output) {
    case 'json': {
      const responses = answers.map(({ node, value }) => ({
        node,
        response: {
          findings: merged.json(value.findings),
          summary: toProtoJson(value.summary),
        },
      }));
      const sums = summary === null ? {} : { summary: toProtoJson(summary) };
      await io.write(nodesDocument(responses, group.unreachable, sums));
      break;
    }
    case 'jsonl': {
      const lines = answers.flatMap(({ node, value }) =>
        merged.json(value.findings).map((finding) => itemLine(node, finding)),
      );
      await io.write(lines.join('') + unreachableLines(group.unreachable));
      break;
    }
    case 'table':
      if (summary !== null) {
        await io.write(formatAudit(merged.items, summary, io.columns, [merged.column]));
      }
      break;
  }
  if (share < command.limit && answers.some(({ value }) => value.findings.length === share)) {
    io.writeError(`stuckctl: only the worst ${share} of each node are shown; ask nodes with more alone\n`);
  }
  const exitCode = tellUnreachable(group, answers.length, io);
  const checked = summary === null ? EXIT.OK : check(command, summary, io);
  return checked === EXIT.CHECK_FAILED || exitCode === EXIT.OK ? checked : exitCode;
}
