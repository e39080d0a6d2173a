/** `stuckctl status` and `stuckctl get` with several nodes. */
import { escapeForTerminal } from '../../lib/terminal.js';
import { CallError } from '../../rpc/grpc-client.js';
import { toProtoJson } from '../../rpc/proto-json.js';
import type { Command } from '../arguments.js';
import { type CliIo, EXIT } from '../cli-io.js';
import { styleFor } from '../commands.js';
import { formatConnectionPage } from '../connection-page.js';
import { timeMs } from '../connection-text.js';
import { countText, durationText } from '../quantity-text.js';
import { type Column, formatTable } from '../text-table.js';
import type { Node, NodeGroup } from './node-group.js';
import { itemLine, nodesDocument, tellUnreachable, unreachableLines } from './nodes-output.js';

type CommandOf<Name extends Command['name']> = Extract<Command, { name: Name }>;

function problemText({ status: { healthy, problems } }: Node): string {
  const [first = healthy ? '' : 'it does not see everything', ...rest] = problems;
  return rest.length === 0 ? first : `${first} (and ${countText(rest.length, 'more problem')})`;
}

function sweepText({ status: { sweep } }: Node, nowMs: number): string {
  const endMs = timeMs(sweep?.endTime);
  return endMs === null ? 'none yet' : `${durationText(nowMs - endMs)} ago`;
}

function formatNodes(nodes: readonly Node[], nowMs: number, width: number): string {
  const columns: readonly Column<Node>[] = [
    { header: 'NODE', cell: ({ name }) => escapeForTerminal(name), shrinkable: 'end' },
    { header: 'ADDRESS', cell: ({ address }) => escapeForTerminal(address), dropRank: 3 },
    { header: 'HEALTHY', cell: ({ status }) => (status.healthy ? 'yes' : 'no') },
    { header: 'STUCK', cell: ({ status }) => (status.tracker?.stuck ?? 0).toString(), alignRight: true },
    { header: 'ALERTS', cell: ({ status }) => (status.alerting?.firing ?? 0).toString(), alignRight: true },
    { header: 'LAST SWEEP', cell: (node) => sweepText(node, nowMs), dropRank: 2 },
    { header: 'VERSION', cell: ({ status }) => escapeForTerminal(status.version), dropRank: 4 },
    { header: 'PROBLEM', cell: (node) => escapeForTerminal(problemText(node)) || '-', shrinkable: 'end' },
  ];
  return formatTable(columns, nodes, width);
}

/** The status has been asked already: it is where the names come from. @returns the exit code */
export async function statusOfNodes({ output }: CommandOf<'status'>, group: NodeGroup, io: CliIo): Promise<number> {
  const { nodes, unreachable } = group;
  switch (output) {
    case 'json':
      await io.write(
        nodesDocument(
          nodes.map((node) => ({ node, response: toProtoJson(node.status) })),
          unreachable,
        ),
      );
      break;
    case 'jsonl':
      await io.write(nodes.map((node) => itemLine(node, toProtoJson(node.status))).join(''));
      await io.write(unreachableLines(unreachable));
      break;
    case 'table':
      if (nodes.length > 0) {
        await io.write(formatNodes(nodes, io.nowMs(), io.columns));
      }
      break;
  }
  return tellUnreachable(group, nodes.length, io);
}

/** All nodes are asked for the record; that most do not know it is no failure. @returns the exit code */
export async function getFromNodes(
  { id, whatIf, output }: CommandOf<'get'>,
  group: NodeGroup,
  io: CliIo,
): Promise<number> {
  const answers = await group.ask(async ({ client }) => {
    try {
      return await client.getStuckConnection(id, whatIf?.request);
    } catch (error) {
      if (error instanceof CallError && error.failure === 'not_found') {
        return null;
      }
      throw error;
    }
  });
  const found = answers.flatMap(({ node, value }) => (value === null ? [] : [{ node, response: value }]));
  switch (output) {
    case 'json':
      await io.write(
        nodesDocument(
          found.map(({ node, response }) => ({ node, response: toProtoJson(response) })),
          group.unreachable,
        ),
      );
      break;
    case 'jsonl':
      for (const { node, response } of found) {
        await io.write(itemLine(node, toProtoJson(whatIf === null ? (response.stuckConnection ?? {}) : response)));
      }
      await io.write(unreachableLines(group.unreachable));
      break;
    case 'table':
      for (const { node, response } of found) {
        const page = formatConnectionPage(response, whatIf?.words ?? '', io.nowMs(), io.columns, styleFor(io));
        await io.write(`Node ${escapeForTerminal(node.name)}:\n${page}`);
      }
      break;
  }
  if (found.length > 0) {
    // The record is where it is: who else did not answer does not matter.
    return EXIT.OK;
  }
  const exitCode = tellUnreachable(group, answers.length, io);
  if (answers.length > 0) {
    io.writeError(`stuckctl: no node that answered knows ${escapeForTerminal(id)}\n`);
  }
  return exitCode === EXIT.OK ? EXIT.FAILED : exitCode;
}
