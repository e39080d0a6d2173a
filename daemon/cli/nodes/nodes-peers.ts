/** `stuckctl peers` from several nodes: one line for a peer, and from how many of them it is black-holed. */
import { escapeForTerminal } from '../../lib/terminal.js';
import { toProtoJson, type Json } from '../../rpc/proto-json.js';
import type { Command } from '../arguments.js';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../commands.js';
import { fetchPeers } from '../group-commands.js';
import { formatPeers } from '../group-tables.js';
import { type MergedPeer, mergePeers } from './merge-peers.js';
import type { NodeCounts } from './merged-verdict.js';
import type { NodeGroup } from './node-group.js';
import { nodesDocument, tellUnreachable, unreachableLines } from './nodes-output.js';

type PeersCommand = Extract<Command, { name: 'processes' | 'peers' }>;

/** The sums as the message of one node has them; `verdict`, `nodes` and the three counts are of all nodes. */
function mergedJson({ peer, verdict, nodes }: MergedPeer, { asked, answered }: NodeCounts): Json {
  return {
    ...(toProtoJson(peer) as Readonly<Record<string, Json>>),
    verdict: verdict ?? 'unknown',
    nodeCount: nodes.length,
    answeredCount: answered,
    askedCount: asked,
    nodes: nodes.map((one) => ({ node: one.node, response: toProtoJson(one.peer) })),
  };
}

function table(merged: readonly MergedPeer[], asked: number, io: CliIo): string {
  const byPeer = new Map<object, MergedPeer>(merged.map((one) => [one.peer, one]));
  const nodesText = (peer: object): string => {
    const nodes = byPeer.get(peer)?.nodes ?? [];
    const [only] = nodes;
    return nodes.length === 1 && only !== undefined && asked > 1
      ? escapeForTerminal(only.node)
      : `${nodes.length} of ${asked}`;
  };
  return formatPeers(
    merged.map(({ peer }) => peer),
    io.nowMs(),
    io.columns,
    [
      { header: 'NODES', cell: nodesText, shrinkable: 'end' },
      { header: 'VERDICT', cell: (peer) => byPeer.get(peer)?.verdict ?? '-' },
    ],
  );
}

/** @returns the exit code */
export async function peersFromNodes(command: PeersCommand, group: NodeGroup, io: CliIo): Promise<number> {
  // Which peers are most stuck is known only when all of them are.
  const answers = await group.ask(({ client }) => fetchPeers({ ...command, limit: Infinity }, client));
  const all = answers.flatMap(({ node, value }) => value.map((peer) => ({ node: node.name, peer })));
  const counts = { asked: answers.length + group.unreachable.length, answered: answers.length };
  const merged = mergePeers(all, counts).slice(0, command.limit);
  const documents = merged.map((one) => mergedJson(one, counts));
  switch (command.output) {
    case 'json': {
      const responses = answers.map(({ node, value }) => ({ node, response: { peers: value.map(toProtoJson) } }));
      await io.write(nodesDocument(responses, group.unreachable, { peers: documents }));
      break;
    }
    case 'jsonl':
      await io.write(documents.map(jsonLine).join('') + unreachableLines(group.unreachable));
      break;
    case 'table':
      if (answers.length > 0) {
        await io.write(table(merged, counts.asked, io));
      }
      break;
  }
  return tellUnreachable(group, answers.length, io);
}
