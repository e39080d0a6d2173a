/** `stuckctl top`: joins the daemon, the state and the terminal, until somebody has seen enough. */
import { formatAddress, parseAddress } from '../../rpc/address.js';
import { escapeForTerminal } from '../../lib/terminal.js';
import type { StuckdClient } from '../../rpc/grpc-client.js';
import type { Command } from '../arguments.js';
import { type CliIo, UsageError } from '../cli-io.js';
import { styleFor } from '../commands.js';
import type { Terminal } from './terminal.js';
import { TopSession } from './top-session.js';

type TopCommand = Extract<Command, { name: 'top' }>;

function usableTerminal({ terminal, env }: CliIo): Terminal {
  const instead = 'stuckctl list and stuckctl watch print lines';
  if (terminal === null) {
    throw new UsageError(`top needs a terminal, for input and output; ${instead}`);
  }
  if (env['TERM'] === 'dumb' || (env['TERM'] ?? '') === '') {
    throw new UsageError(`top moves the cursor, and this terminal cannot (TERM=${env['TERM'] ?? ''}); ${instead}`);
  }
  return terminal;
}

/** Resolves when the user ends it. @throws CallError if the daemon is not there to begin with, or refuses. */
export async function top(command: TopCommand, client: StuckdClient, io: CliIo): Promise<void> {
  const terminal = usableTerminal(io);
  // A daemon that was never there is told in words that stay on the screen.
  await client.getStatus();
  const address = escapeForTerminal(formatAddress(parseAddress(command.address)));
  const session = new TopSession({
    client,
    terminal,
    filter: command.filter,
    address,
    style: styleFor(io),
    nowMs: () => io.nowMs(),
  });
  await session.run(io.interruptSignal());
}
