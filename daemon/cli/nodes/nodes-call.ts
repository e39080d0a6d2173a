/** A command that is for several nodes. */
import type { ClientTls } from '../../rpc/grpc-client.js';
import type { Command } from '../arguments.js';
import { type CliIo, UsageError } from '../cli-io.js';
import { NodeGroup } from './node-group.js';
import { auditNodes } from './nodes-audit.js';
import type { NodesQuestion } from './nodes-arguments.js';
import { listFromNodes, processesFromNodes } from './nodes-lists.js';
import { peersFromNodes } from './nodes-peers.js';
import { getFromNodes, statusOfNodes } from './nodes-status.js';
import { watchNodes } from './nodes-watch.js';
import { systemLookup } from './resolve-nodes.js';

type NodesCommand = Exclude<Command, { name: 'help' | 'version' | 'completion' }>;

/** What makes one node do something is not for all of them by mistake, and a screen is of one. */
function refuseWhatIsForOne(command: NodesCommand): void {
  if (command.name === 'top') {
    throw new UsageError('top: it is for one node: give --address of that node alone');
  }
  if (command.name === 'alerts' && command.test !== null) {
    throw new UsageError('alerts: --test is for one node: give --address of that node alone');
  }
  if (command.name === 'deliveries' && command.retry !== null) {
    throw new UsageError('deliveries: --retry is for one node: give --address of that node alone');
  }
}

async function ask(command: NodesCommand, group: NodeGroup, io: CliIo): Promise<number> {
  switch (command.name) {
    case 'list':
    case 'deliveries':
    case 'alerts':
      return listFromNodes(command, group, io);
    case 'processes':
      return processesFromNodes(command, group, io);
    case 'peers':
      return peersFromNodes(command, group, io);
    case 'audit':
      return auditNodes(command, group, io);
    case 'status':
      return statusOfNodes(command, group, io);
    case 'get':
      return getFromNodes(command, group, io);
    case 'watch':
    case 'top':
      throw new TypeError(`${command.name} asks in a way of its own`);
  }
}

/**
 * @returns the exit code.
 * @throws UsageError, or Error if a file of addresses or for TLS cannot be used
 */
export async function callNodes(command: NodesCommand, question: NodesQuestion, io: CliIo): Promise<number> {
  refuseWhatIsForOne(command);
  const tls: ClientTls | undefined = command.tls;
  if (command.name === 'watch' || (command.name === 'alerts' && command.watch)) {
    return watchNodes(command, question, io);
  }
  const group = await NodeGroup.open(question, tls, systemLookup);
  try {
    return await ask(command, group, io);
  } finally {
    group.close();
  }
}
