/** What list, get and status do; each writes its result and throws what went wrong. */
import { createStyle, escapeJsonForTerminal, wantsColor } from '../lib/terminal.js';
import type { Style } from '../lib/terminal.js';
import type { ConnectionFilterRequest, StuckdClient } from '../rpc/grpc-client.js';
import { toProtoJson } from '../rpc/proto-json.js';
import type { Json } from '../rpc/proto-json.js';
import { timestampFromUs } from '../rpc/proto-time.js';
import type { Command } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { formatConnectionPage } from './connection-page.js';
import { formatConnections } from './connection-table.js';
import type { Connection } from './connection-text.js';
import { formatStatusPage } from './status-page.js';
import { type TimeArgument, timeArgumentMs } from './time-argument.js';

type CommandOf<Name extends Command['name']> = Extract<Command, { name: Name }>;

const PAGE_SIZE = 1000;

export function styleFor(io: CliIo): Style {
  return createStyle(wantsColor(io.isTerminal, io.env));
}

export function jsonDocument(value: Json): string {
  return `${escapeJsonForTerminal(JSON.stringify(value, null, 2))}\n`;
}

export function jsonLine(value: Json): string {
  return `${escapeJsonForTerminal(JSON.stringify(value))}\n`;
}

/** The time range is fixed once: all pages belong to the same question. */
function listFilter({ filter, since, until }: CommandOf<'list'>, nowMs: number): ConnectionFilterRequest {
  const timestamp = (time: TimeArgument | null): ReturnType<typeof timestampFromUs> | null =>
    time === null ? null : timestampFromUs(timeArgumentMs(time, nowMs) * 1000);
  return { ...filter, stuckAfter: timestamp(since), detectedBefore: timestamp(until) };
}

export async function* connectionPages(
  client: StuckdClient,
  command: CommandOf<'list'>,
  nowMs: number,
): AsyncGenerator<readonly Connection[]> {
  const filter = listFilter(command, nowMs);
  let left = command.limit;
  let pageToken = '';
  do {
    const page = await client.listStuckConnections({
      filter,
      includeEnded: command.includeEnded,
      pageSize: Math.min(left, PAGE_SIZE),
      pageToken,
    });
    yield page.stuckConnections;
    left -= page.stuckConnections.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && left > 0);
}

export async function list(command: CommandOf<'list'>, client: StuckdClient, io: CliIo): Promise<void> {
  if (command.output === 'jsonl') {
    for await (const page of connectionPages(client, command, io.nowMs())) {
      await io.write(page.map((connection) => jsonLine(toProtoJson(connection))).join(''));
    }
    return;
  }
  const connections: Connection[] = [];
  for await (const page of connectionPages(client, command, io.nowMs())) {
    connections.push(...page);
  }
  const text =
    command.output === 'json'
      ? // The mapping would leave an empty list out; scripts are better served by one that is always there.
        jsonDocument({ stuckConnections: connections.map(toProtoJson) })
      : formatConnections(connections, io.nowMs(), io.columns, command.includeEnded);
  await io.write(text);
}

export async function get(command: CommandOf<'get'>, client: StuckdClient, io: CliIo): Promise<void> {
  const { id, whatIf } = command;
  const response = await client.getStuckConnection(id, whatIf?.request);
  switch (command.output) {
    case 'json':
      return io.write(jsonDocument(toProtoJson(response)));
    case 'jsonl':
      // One item a line: the connection, or where something was asked about it, all of the answer.
      return io.write(jsonLine(toProtoJson(whatIf === null ? (response.stuckConnection ?? {}) : response)));
    case 'table':
      return io.write(formatConnectionPage(response, whatIf?.words ?? '', io.nowMs(), io.columns, styleFor(io)));
  }
}

export async function status(command: CommandOf<'status'>, client: StuckdClient, io: CliIo): Promise<void> {
  const response = await client.getStatus();
  switch (command.output) {
    case 'json':
      return io.write(jsonDocument(toProtoJson(response)));
    case 'jsonl':
      return io.write(jsonLine(toProtoJson(response)));
    case 'table':
      return io.write(formatStatusPage(response, io.nowMs(), io.columns, styleFor(io)));
  }
}
