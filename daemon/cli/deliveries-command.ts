/** stuckctl deliveries, and the test of a receiver. */
import { escapeForTerminal } from '../lib/terminal.js';
import { deliveryEventName, deliveryStateName } from '../rpc/delivery-names.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import type { StuckdClient } from '../rpc/grpc-client.js';
import { toProtoJson } from '../rpc/proto-json.js';
import { durationToMs } from '../rpc/proto-time.js';
import type { OutputFormat } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { jsonDocument, jsonLine } from './commands.js';
import { timeMs } from './connection-text.js';
import type { DeliveriesQuery } from './deliveries-arguments.js';
import { countText, durationText } from './quantity-text.js';
import { formatTable, type Column } from './text-table.js';

type Delivery = stuckd.v1.Delivery.$Properties;
type TestAnswer = stuckd.v1.TestAnswer.$Properties;

export interface DeliveriesCommand extends DeliveriesQuery {
  readonly output: OutputFormat;
}

const PAGE_SIZE = 500;

export async function fetchDeliveries(
  command: DeliveriesCommand,
  client: StuckdClient,
): Promise<readonly stuckd.v1.Delivery[]> {
  const found: stuckd.v1.Delivery[] = [];
  let pageToken = '';
  do {
    const page = await client.listDeliveries({
      receivers: [...command.receivers],
      states: [...command.states],
      pageSize: Math.min(command.limit - found.length, PAGE_SIZE),
      pageToken,
    });
    found.push(...(page.deliveries as stuckd.v1.Delivery[]));
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && found.length < command.limit);
  return found;
}

function ageText(time: Delivery['acceptedTime'], nowMs: number): string {
  const ms = timeMs(time);
  return ms === null ? '-' : durationText(nowMs - ms);
}

function nextText({ nextAttemptTime }: Delivery, nowMs: number): string {
  const ms = timeMs(nextAttemptTime);
  return ms === null ? '-' : ms > nowMs ? `in ${durationText(ms - nowMs)}` : 'now';
}

function receiverText({ receiver, replica }: Delivery): string {
  return `${escapeForTerminal(receiver ?? '')}${(replica ?? 1) > 1 ? ` (url ${replica ?? 1})` : ''}`;
}

/**
 * @param width columns of the terminal; Infinity for no limit.
 * @param leading columns before all others.
 */
export function formatDeliveries(
  deliveries: readonly Delivery[],
  nowMs: number,
  width: number,
  leading: readonly Column<Delivery>[] = [],
): string {
  if (deliveries.length === 0) {
    return 'No deliveries.\n';
  }
  const columns: readonly Column<Delivery>[] = [
    ...leading,
    { header: 'ID', cell: ({ id }) => escapeForTerminal(id ?? '') },
    { header: 'RECEIVER', cell: receiverText, shrinkable: 'end' },
    { header: 'STATE', cell: ({ state }) => deliveryStateName(state) },
    { header: 'EVENT', cell: ({ event }) => deliveryEventName(event) },
    { header: 'ALERT', cell: ({ alertId }) => escapeForTerminal(alertId ?? ''), dropRank: 2 },
    { header: 'AGE', cell: ({ acceptedTime }) => ageText(acceptedTime, nowMs) },
    { header: 'ATTEMPTS', cell: ({ attempts }) => (attempts ?? 0).toString(), alignRight: true, dropRank: 3 },
    { header: 'NEXT', cell: (delivery) => nextText(delivery, nowMs), dropRank: 4 },
    { header: 'LAST ERROR', cell: ({ lastError }) => escapeForTerminal(lastError ?? '') || '-', shrinkable: 'end' },
    { header: 'SUMMARY', cell: ({ summary }) => escapeForTerminal(summary ?? ''), dropRank: 5, shrinkable: 'end' },
  ];
  return formatTable(columns, deliveries, width);
}

export async function deliveries(command: DeliveriesCommand, client: StuckdClient, io: CliIo): Promise<void> {
  if (command.retry !== null) {
    const response = await client.retryDelivery(command.retry);
    const text = `Delivery ${escapeForTerminal(command.retry)} to ${receiverText(response.delivery ?? {})} is sent again.\n`;
    switch (command.output) {
      case 'json':
        return io.write(jsonDocument(toProtoJson(response)));
      case 'jsonl':
        return io.write(jsonLine(toProtoJson(response.delivery ?? {})));
      case 'table':
        return io.write(text);
    }
  }
  const found = await fetchDeliveries(command, client);
  switch (command.output) {
    case 'json':
      return io.write(jsonDocument({ deliveries: found.map(toProtoJson) }));
    case 'jsonl':
      return io.write(found.map((delivery) => jsonLine(toProtoJson(delivery))).join(''));
    case 'table':
      return io.write(formatDeliveries(found, io.nowMs(), io.columns));
  }
}

function answerText(answer: TestAnswer, total: number): string {
  const which = total === 1 ? '' : ` (url ${answer.replica ?? 0})`;
  const time = `after ${durationText(durationToMs(answer.duration ?? {}))}`;
  const what =
    answer.delivered === true
      ? `took the test alert: HTTP ${answer.httpStatus ?? 0}`
      : `did NOT take the test alert: ${escapeForTerminal(answer.error ?? '')}`;
  return `The receiver${which} ${what}, ${time}.\n`;
}

/**
 * `stuckctl alerts --test RECEIVER`: sends a test alert and shows what was answered.
 * @returns whether every URL of the receiver took it
 */
export async function testReceiver(
  receiver: string,
  output: OutputFormat,
  client: StuckdClient,
  io: CliIo,
): Promise<boolean> {
  const response = await client.testReceiver(receiver);
  const { answers } = response;
  switch (output) {
    case 'json':
      await io.write(jsonDocument({ answers: answers.map((answer) => toProtoJson(answer)) }));
      break;
    case 'jsonl':
      await io.write(answers.map((answer) => jsonLine(toProtoJson(answer))).join(''));
      break;
    case 'table':
      await io.write(answers.map((answer) => answerText(answer, answers.length)).join(''));
      break;
  }
  const refused = answers.filter(({ delivered }) => delivered !== true).length;
  if (refused > 0) {
    io.writeError(`stuckctl: ${countText(refused, 'URL')} of receiver ${escapeForTerminal(receiver)} failed\n`);
  }
  return refused === 0;
}
