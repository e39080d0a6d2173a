/** What `stuckctl processes` and `stuckctl peers` do. */
import type { stuckd } from '../rpc/gen/stuckd.js';
import type { ListGroupsRequest, StuckdClient } from '../rpc/grpc-client.js';
import { toProtoJson } from '../rpc/proto-json.js';
import type { Command } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { jsonDocument, jsonLine } from './commands.js';
import { formatPeers, formatProcesses } from './group-tables.js';

type GroupCommand = Extract<Command, { name: 'processes' | 'peers' }>;

const PAGE_SIZE = 500;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

async function allOf<Item>(
  command: GroupCommand,
  call: (request: ListGroupsRequest) => Promise<Page<Item>>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(command.limit - items.length, PAGE_SIZE);
    const page = await call({ filter: command.filter, pageSize, pageToken });
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && items.length < command.limit);
  return items;
}

async function print<Item extends object>(
  command: GroupCommand,
  items: readonly Item[],
  table: (items: readonly Item[]) => string,
  io: CliIo,
): Promise<void> {
  switch (command.output) {
    case 'json':
      return io.write(jsonDocument({ [command.name]: items.map(toProtoJson) }));
    case 'jsonl':
      return io.write(items.map((item) => jsonLine(toProtoJson(item))).join(''));
    case 'table':
      return io.write(table(items));
  }
}

export async function fetchProcesses(
  command: GroupCommand,
  client: StuckdClient,
): Promise<readonly stuckd.v1.ProcessSummary.$Properties[]> {
  return allOf(command, async (request) => {
    const { processes, nextPageToken } = await client.listProcesses(request);
    return { items: processes, nextPageToken };
  });
}

export async function fetchPeers(
  command: GroupCommand,
  client: StuckdClient,
): Promise<readonly stuckd.v1.PeerSummary.$Properties[]> {
  return allOf(command, async (request) => {
    const { peers, nextPageToken } = await client.listPeers(request);
    return { items: peers, nextPageToken };
  });
}

export async function processes(command: GroupCommand, client: StuckdClient, io: CliIo): Promise<void> {
  const items = await fetchProcesses(command, client);
  await print(command, items, (all) => formatProcesses(all, io.nowMs(), io.columns), io);
}

export async function peers(command: GroupCommand, client: StuckdClient, io: CliIo): Promise<void> {
  const items = await fetchPeers(command, client);
  await print(command, items, (all) => formatPeers(all, io.nowMs(), io.columns), io);
}
