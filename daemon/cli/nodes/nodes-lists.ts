/** Lists of several nodes as one: list, processes, alerts and deliveries. */
import { timestampToUs } from '../../rpc/proto-time.js';
import { toProtoJson } from '../../rpc/proto-json.js';
import { formatAlerts } from '../alert-table.js';
import { alertPages } from '../alerts-command.js';
import type { Command } from '../arguments.js';
import type { CliIo } from '../cli-io.js';
import { connectionPages } from '../commands.js';
import { formatConnections } from '../connection-table.js';
import { fetchDeliveries, formatDeliveries } from '../deliveries-command.js';
import { fetchProcesses } from '../group-commands.js';
import { formatProcesses } from '../group-tables.js';
import type { Column } from '../text-table.js';
import { MergedItems } from './merged-items.js';
import type { Node, NodeGroup } from './node-group.js';
import { itemLine, nodesDocument, tellUnreachable, unreachableLines } from './nodes-output.js';

export type ListCommand = Extract<Command, { name: 'list' | 'alerts' | 'deliveries' }>;
type ProcessesCommand = Extract<Command, { name: 'processes' | 'peers' }>;

/** Items that a table or a document holds at most, of all nodes together; jsonl is written as it comes, without end. */
const ITEMS_MAX = 100_000;

/** What is particular about one command. */
interface ListSort<Item extends object> {
  /** Name of the list in the document. */
  readonly field: string;
  pages(node: Node): AsyncIterable<readonly Item[]>;
  order(a: Item, b: Item): number;
  table(items: readonly Item[], leading: readonly Column<Item>[]): string;
}

async function* onePage<Item>(page: Promise<readonly Item[]>): AsyncGenerator<readonly Item[]> {
  yield await page;
}

type Time = Parameters<typeof timestampToUs>[0];

function byTime(a: Time | null | undefined, b: Time | null | undefined): number {
  return timestampToUs(a ?? {}) - timestampToUs(b ?? {});
}

async function gather<Item extends object>(
  sort: ListSort<Item>,
  node: Node,
  room: { left: number },
  expired: AbortSignal,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const page of sort.pages(node)) {
    if (expired.aborted) {
      break;
    }
    const taken = page.slice(0, room.left);
    room.left -= taken.length;
    items.push(...taken);
    if (room.left === 0) {
      break;
    }
  }
  return items;
}

async function writeLines<Item extends object>(
  sort: ListSort<Item>,
  limit: number,
  group: NodeGroup,
  io: CliIo,
): Promise<number> {
  let left = limit;
  const answers = await group.ask(async (node) => {
    for await (const page of sort.pages(node)) {
      const taken = page.slice(0, left);
      left -= taken.length;
      await io.write(taken.map((item) => itemLine(node, toProtoJson(item))).join(''));
      if (left === 0) {
        break;
      }
    }
  }, 'call');
  await io.write(unreachableLines(group.unreachable));
  return answers.length;
}

async function writeList<Item extends object>(
  sort: ListSort<Item>,
  { limit, output }: ListCommand | ProcessesCommand,
  group: NodeGroup,
  io: CliIo,
): Promise<number> {
  if (output === 'jsonl') {
    return tellUnreachable(group, await writeLines(sort, limit, group, io), io);
  }
  const room = { left: ITEMS_MAX };
  const answers = await group.ask((node, expired) => gather(sort, node, room, expired));
  const merged = new MergedItems(answers, (a, b) => sort.order(a, b), limit);
  if (output === 'json') {
    const responses = answers.map(({ node, value }) => ({ node, response: { [sort.field]: merged.json(value) } }));
    await io.write(nodesDocument(responses, group.unreachable));
  } else if (answers.length > 0) {
    await io.write(sort.table(merged.items, [merged.column]));
  }
  if (room.left === 0) {
    io.writeError(`stuckctl: only ${ITEMS_MAX} are shown; give a filter, or -o jsonl for all\n`);
  }
  return tellUnreachable(group, answers.length, io);
}

/** @returns the exit code */
export async function listFromNodes(command: ListCommand, group: NodeGroup, io: CliIo): Promise<number> {
  const nowMs = io.nowMs();
  switch (command.name) {
    case 'list': {
      const sort: ListSort<Parameters<typeof formatConnections>[0][number]> = {
        field: 'stuckConnections',
        pages: ({ client }) => connectionPages(client, command, nowMs),
        order: (a, b) => byTime(a.detectedTime, b.detectedTime),
        table: (items, leading) => formatConnections(items, nowMs, io.columns, command.includeEnded, leading),
      };
      return writeList(sort, command, group, io);
    }
    case 'alerts': {
      const sort: ListSort<Parameters<typeof formatAlerts>[0][number]> = {
        field: 'alerts',
        pages: ({ client }) => alertPages(client, command, nowMs),
        order: (a, b) => byTime(a.startTime, b.startTime),
        table: (items, leading) => formatAlerts(items, nowMs, io.columns, leading),
      };
      return writeList(sort, command, group, io);
    }
    case 'deliveries': {
      const sort: ListSort<Parameters<typeof formatDeliveries>[0][number]> = {
        field: 'deliveries',
        pages: ({ client }) => onePage(fetchDeliveries(command, client)),
        order: (a, b) => byTime(a.acceptedTime, b.acceptedTime),
        table: (items, leading) => formatDeliveries(items, nowMs, io.columns, leading),
      };
      return writeList(sort, command, group, io);
    }
  }
}

/** @returns the exit code */
export async function processesFromNodes(command: ProcessesCommand, group: NodeGroup, io: CliIo): Promise<number> {
  const sort: ListSort<Parameters<typeof formatProcesses>[0][number]> = {
    field: 'processes',
    pages: ({ client }) => onePage(fetchProcesses(command, client)),
    order: (a, b) => (b.stuckCount ?? 0) - (a.stuckCount ?? 0),
    table: (items, leading) => formatProcesses(items, io.nowMs(), io.columns, leading),
  };
  return writeList(sort, command, group, io);
}
