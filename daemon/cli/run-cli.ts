/** stuckctl from its arguments to its exit code. */
import { escapeForTerminal } from '../lib/terminal.js';
import { formatAddress, parseAddress } from '../rpc/address.js';
import { CallError, createStuckdClient } from '../rpc/grpc-client.js';
import { alerts } from './alerts-command.js';
import { parseCommand } from './arguments.js';
import type { Command } from './arguments.js';
import { audit } from './audit-command.js';
import { EXIT, UsageError } from './cli-io.js';
import type { CliIo } from './cli-io.js';
import { get, list, status } from './commands.js';
import { deliveries, testReceiver } from './deliveries-command.js';
import { peers, processes } from './group-commands.js';
import { helpText } from './help.js';
import { STUCKCTL } from './manual/stuckctl-manual.js';
import { callNodes } from './nodes/nodes-call.js';
import { watch } from './watch-command.js';

type CallingCommand = Exclude<Command, { name: 'help' | 'version' | 'completion' }>;

/** What a person can do about a daemon that is not reached. */
function unreachableText(address: string, reason: string): string {
  const where = escapeForTerminal(formatAddress(parseAddress(address)));
  if (/\bE(ACCES|PERM)\b/.test(reason)) {
    return `no permission to talk to stuckd at ${where}: it takes root, or a user in the group of the socket\n`;
  }
  if (/certificate|\bTLS\b|\bSSL\b|alert/i.test(reason)) {
    return (
      `cannot reach stuckd at ${where}: ${escapeForTerminal(reason)}\n` +
      'It is a matter of certificates: see --tls-ca, --tls-cert, --tls-key and --tls-server-name, and the log of stuckd.\n'
    );
  }
  return (
    `cannot reach stuckd at ${where}: ${escapeForTerminal(reason)}\n` +
    'Is stuckd running on this machine? "stuckd run" starts it. If it listens elsewhere, give --address or STUCKD_ADDRESS.\n'
  );
}

function exitCodeOf(error: CallError, address: string, io: CliIo): number {
  if (error.failure === 'unreachable') {
    io.writeError(`stuckctl: ${unreachableText(address, error.message)}`);
    return EXIT.UNREACHABLE;
  }
  // The reason is what one looks for in the contract, or matches in a script.
  const reason = error.info === null ? '' : ` [${escapeForTerminal(error.info.reason)}]`;
  io.writeError(`stuckctl: ${escapeForTerminal(error.message)}${reason}\n`);
  return EXIT.FAILED;
}

async function call(command: CallingCommand, io: CliIo): Promise<number> {
  const client = createStuckdClient(command.address, command.tls);
  try {
    switch (command.name) {
      case 'list':
        await list(command, client, io);
        break;
      case 'get':
        await get(command, client, io);
        break;
      case 'watch':
        await watch(command, client, io);
        break;
      case 'top': {
        const { top } = await import('./top/top-command.js');
        await top(command, client, io);
        break;
      }
      case 'processes':
        await processes(command, client, io);
        break;
      case 'peers':
        await peers(command, client, io);
        break;
      case 'audit':
        return await audit(command, client, io);
      case 'alerts':
        if (command.test !== null) {
          const isTaken = await testReceiver(command.test, command.output, client, io);
          return isTaken ? EXIT.OK : EXIT.FAILED;
        }
        await alerts(command, client, io);
        break;
      case 'deliveries':
        await deliveries(command, client, io);
        break;
      case 'status':
        await status(command, client, io);
        break;
    }
    return EXIT.OK;
  } catch (error) {
    if (error instanceof CallError) {
      return exitCodeOf(error, command.address, io);
    }
    throw error;
  } finally {
    client.close();
  }
}

/**
 * @param args what follows the program's name.
 * @param version what --version prints.
 * @returns the exit code.
 */
export async function runCli(args: readonly string[], version: string, io: CliIo): Promise<number> {
  try {
    const command = parseCommand(args, io.env);
    switch (command.name) {
      case 'help':
        await io.write(helpText(command.topic));
        return EXIT.OK;
      case 'version':
        await io.write(`stuckctl ${version}\n`);
        return EXIT.OK;
      case 'completion': {
        const { completionScript } = await import('../lib/manual/completion.js');
        await io.write(completionScript(STUCKCTL, command.shell));
        return EXIT.OK;
      }
      case 'list':
      case 'get':
      case 'watch':
      case 'top':
      case 'processes':
      case 'peers':
      case 'audit':
      case 'alerts':
      case 'deliveries':
      case 'status':
        return await (command.nodes === undefined ? call(command, io) : callNodes(command, command.nodes, io));
    }
  } catch (error) {
    if (error instanceof UsageError) {
      io.writeError(`stuckctl: ${escapeForTerminal(error.message)}\nstuckctl --help shows how it is used.\n`);
      return EXIT.USAGE;
    }
    io.writeError(`stuckctl: ${escapeForTerminal(error instanceof Error ? error.message : String(error))}\n`);
    return EXIT.FAILED;
  }
}
