/**
 * How answers of several nodes are written. With one daemon, JSON is the answer itself; with several, each answer stands
 * beside the name of its node, and is in itself what that node alone would have given:
 *
 *   json   {"nodes": [{"node": ..., "address": ..., "response": {...}}], "unreachable": [{"node": ..., "reason": ...}]}
 *   jsonl  {"node": ..., "address": ..., "item": {...}}, and at the end {"node": ..., "address": ..., "unreachable": ...}
 */
import { escapeForTerminal } from '../../lib/terminal.js';
import type { Json } from '../../rpc/proto-json.js';
import { EXIT, type CliIo } from '../cli-io.js';
import { jsonDocument, jsonLine } from '../commands.js';
import { countText } from '../quantity-text.js';
import type { Column } from '../text-table.js';
import type { Node, NodeGroup, Unreachable } from './node-group.js';

/** Each is a line on standard error; the rest is counted. */
const UNREACHABLE_SHOWN = 10;

interface NodeLabel {
  readonly name: string;
  readonly address: string;
}

export interface NodeResponse {
  readonly node: NodeLabel;
  readonly response: Json;
}

function unreachableJson({ node, address, reason }: Unreachable): Json {
  return { node, address, reason };
}

/** @param merged what is said of all nodes together, before the answers of each */
export function nodesDocument(
  responses: readonly NodeResponse[],
  unreachable: readonly Unreachable[],
  merged: Readonly<Record<string, Json>> = {},
): string {
  const nodes = responses.map(({ node, response }) => ({ node: node.name, address: node.address, response }));
  return jsonDocument({ ...merged, nodes, unreachable: unreachable.map(unreachableJson) });
}

export function itemLine({ name, address }: NodeLabel, item: Json): string {
  return jsonLine({ node: name, address, item });
}

export function unreachableLines(unreachable: readonly Unreachable[]): string {
  return unreachable.map(({ node, address, reason }) => jsonLine({ node, address, unreachable: reason })).join('');
}

/** The first column of a table whose rows are of several nodes. */
export function nodeColumn<Row extends object>(nodes: ReadonlyMap<object, Node>): Column<Row> {
  return { header: 'NODE', cell: (row) => escapeForTerminal(nodes.get(row)?.name ?? ''), shrinkable: 'end' };
}

/** Says on standard error who did not answer, and why. @returns the exit code */
export function tellUnreachable(
  { nodes, unreachable }: Pick<NodeGroup, 'nodes' | 'unreachable'>,
  answered: number,
  io: CliIo,
): number {
  if (unreachable.length === 0) {
    return nodes.length === 0 ? EXIT.FAILED : EXIT.OK;
  }
  const total = answered + unreachable.length;
  const verdict = answered === 0 ? 'none answered' : 'what is shown is of the others';
  io.writeError(`stuckctl: ${countText(unreachable.length, 'node')} of ${total} did not answer; ${verdict}\n`);
  for (const { node, reason } of unreachable.slice(0, UNREACHABLE_SHOWN)) {
    io.writeError(`  ${escapeForTerminal(node)}: ${escapeForTerminal(reason)}\n`);
  }
  if (unreachable.length > UNREACHABLE_SHOWN) {
    io.writeError(`  and ${unreachable.length - UNREACHABLE_SHOWN} more, see -o json\n`);
  }
  if (answered > 0) {
    return EXIT.PARTIAL;
  }
  return unreachable.every(({ failed }) => failed) ? EXIT.FAILED : EXIT.UNREACHABLE;
}
