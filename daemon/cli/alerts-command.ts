/** `stuckctl alerts`: those that fire, with `--all` or `--since` also those that were resolved; with `--watch` it follows them. */
import type { AlertWatchChange, StuckdClient } from '../rpc/grpc-client.js';
import { toProtoJson } from '../rpc/proto-json.js';
import { timestampFromUs } from '../rpc/proto-time.js';
import { AlertLines } from './alert-lines.js';
import { formatAlerts } from './alert-table.js';
import type { Alert } from './alert-text.js';
import type { AlertsCommand } from './alerts-arguments.js';
import type { OutputFormat } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { jsonDocument, jsonLine, styleFor } from './commands.js';
import { timeArgumentMs } from './time-argument.js';
import { followChanges, jsonFollower, lineFollower } from './watch-command.js';

type Command = AlertsCommand & { readonly output: OutputFormat };

const PAGE_SIZE = 500;

export async function* alertPages(
  client: StuckdClient,
  command: Command,
  nowMs: number,
): AsyncGenerator<readonly Alert[]> {
  const firingAfter = command.since === null ? null : timestampFromUs(timeArgumentMs(command.since, nowMs) * 1000);
  let left = command.limit;
  let pageToken = '';
  do {
    const page = await client.listAlerts({
      filter: command.filter,
      includeResolved: command.includeResolved,
      firingAfter,
      pageSize: Math.min(left, PAGE_SIZE),
      pageToken,
    });
    yield page.alerts;
    left -= page.alerts.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && left > 0);
}

export async function alerts(command: Command, client: StuckdClient, io: CliIo): Promise<void> {
  if (command.watch) {
    return watchAlerts(command, client, io);
  }
  if (command.output === 'jsonl') {
    for await (const page of alertPages(client, command, io.nowMs())) {
      await io.write(page.map((alert) => jsonLine(toProtoJson(alert))).join(''));
    }
    return;
  }
  const all: Alert[] = [];
  for await (const page of alertPages(client, command, io.nowMs())) {
    all.push(...page);
  }
  await io.write(
    command.output === 'json'
      ? jsonDocument({ alerts: all.map(toProtoJson) })
      : formatAlerts(all, io.nowMs(), io.columns),
  );
}

async function watchAlerts(command: Command, client: StuckdClient, io: CliIo): Promise<void> {
  const follower =
    command.output === 'table'
      ? lineFollower<AlertWatchChange>(io, (output) => new AlertLines(output, styleFor(io), () => io.nowMs()))
      : jsonFollower<AlertWatchChange>(io);
  await followChanges((token, signal) => client.watchAlertResponses(command.filter, token, signal), io, follower);
}
