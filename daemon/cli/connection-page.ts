/** `stuckctl get`: one record as a page, what it means first. */
import { directionName, giveUpReasonName } from '../rpc/enum-mapping.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { durationToMs } from '../rpc/proto-time.js';
import { circumstanceFacts } from './circumstance-facts.js';
import { escapeForTerminal, wrapWords } from '../lib/terminal.js';
import type { Style } from '../lib/terminal.js';
import {
  endText,
  giveUpText,
  hasEnded,
  holderText,
  kindText,
  outcomeText,
  stuckText,
  timeMs,
} from './connection-text.js';
import type { Connection } from './connection-text.js';
import { forecastFacts, pollingFacts, suppositionFacts } from './forecast-text.js';
import { ladderText } from './ladder-text.js';
import { countText, dateTimeText, durationText, sizeText } from './quantity-text.js';
import { whatIfText } from './what-if-text.js';
import { workloadFacts } from './workload-text.js';

type Page = stuckd.v1.GetStuckConnectionResponse.$Properties;

/** A name and what is known under it. */
export type Fact = readonly [name: string, text: string];

const WRAP_MAX = 100;

/** A paragraph with `head` before its first line and as much space before the others; both are escaped already. */
function wrap(text: string, head: string, width: number): string {
  const lineMax = Math.max(Math.min(width, WRAP_MAX), 40);
  const lines = wrapWords(text, lineMax - head.length);
  return `${head}${lines.join(`\n${' '.repeat(head.length)}`)}\n`;
}

/**
 * Facts in two columns.
 * @param width columns of the terminal; Infinity for no limit.
 */
export function formatFacts(facts: readonly Fact[], width: number): string {
  const nameWidth = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, text]) => wrap(text, `  ${name.padEnd(nameWidth)}  `, width)).join('');
}

function diagnosisText(connection: Connection, style: Style, width: number): string {
  const { diagnosis } = connection;
  if (diagnosis === null || diagnosis === undefined) {
    return '';
  }
  const paragraphs = [diagnosis.summary, diagnosis.effect]
    .map((text) => escapeForTerminal(text ?? ''))
    .filter((text) => text !== '')
    .map((text, index) => (index === 0 ? style.bold(wrap(text, '', width).trimEnd()) + '\n' : wrap(text, '', width)));
  const advice = (diagnosis.advice ?? []).map(({ layer, text }) =>
    wrap(`${escapeForTerminal(layer ?? '')}: ${escapeForTerminal(text ?? '')}`, '  - ', width),
  );
  const toDo = advice.length === 0 ? '' : `\nWhat to do:\n${advice.join('')}`;
  return `${paragraphs.join('')}${toDo}\n`;
}

function giveUpFacts(connection: Connection, nowMs: number): Fact[] {
  const { giveUp } = connection;
  const time = timeMs(giveUp?.time);
  if (giveUp === null || giveUp === undefined || time === null) {
    return [['gives up', giveUpText(connection, nowMs)]];
  }
  const latest = timeMs(giveUp.latestTime);
  const when =
    latest === null ? `at ${dateTimeText(time)}` : `between ${dateTimeText(time)} and ${dateTimeText(latest)}`;
  const left = countText(giveUp.retransmitsLeft ?? 0, 'transmission');
  const error = escapeForTerminal(giveUp.expectedError ?? '');
  return [
    ['gives up', `${giveUpText(connection, nowMs)}, ${when} UTC, with ${error}`],
    ['limited by', `${giveUpReasonName(giveUp.reason)}, ${left} left`],
  ];
}

function holders(connection: Connection): Fact[] {
  const all = connection.owner?.holders ?? [];
  if (all.length < 2) {
    return [];
  }
  const shown = all.map(({ comm, pid, fd }) => `${escapeForTerminal(comm ?? '')}[${pid ?? 0}] fd ${fd ?? 0}`);
  return [['held by', shown.join(', ')]];
}

function keepaliveText(options: NonNullable<Connection['options']>): string {
  if (options.keepalive !== true) {
    return 'off';
  }
  if (!options.keepaliveIdle || !options.keepaliveInterval) {
    return 'on';
  }
  const idle = durationText(durationToMs(options.keepaliveIdle ?? {}));
  const interval = durationText(durationToMs(options.keepaliveInterval ?? {}));
  return `after ${idle} idle, every ${interval}, ${countText(options.keepaliveProbes ?? 0, 'probe')}`;
}

function optionFacts(connection: Connection): Fact[] {
  const { options } = connection;
  if (options === null || options === undefined) {
    return [];
  }
  const userTimeout = options.userTimeout;
  const timeout =
    userTimeout === null || userTimeout === undefined ? 'not set' : durationText(durationToMs(userTimeout));
  const unknown = new Set(connection.unknown ?? []);
  return [
    ...(unknown.has('SO_KEEPALIVE') ? [] : [['keepalive', keepaliveText(options)] as const]),
    ...(unknown.has('TCP_USER_TIMEOUT') ? [] : [['user timeout', timeout] as const]),
  ];
}

function whenText(time: Parameters<typeof timeMs>[0]): string {
  const ms = timeMs(time);
  return ms === null ? '-' : `${dateTimeText(ms)} UTC`;
}

function facts(connection: Connection, nowMs: number): Fact[] {
  const ended: Fact[] = hasEnded(connection)
    ? [['ended', `${whenText(connection.endTime)}, ${outcomeText(connection)}`]]
    : giveUpFacts(connection, nowMs);
  const bytes = (count: Connection['unackedBytes']): string => sizeText(count?.toNumber() ?? 0);
  const executable = escapeForTerminal(connection.owner?.executable ?? connection.lastOwner?.executable ?? '');
  const user = connection.owner?.user ?? connection.lastOwner?.user ?? '';
  const program: Fact[] = executable === '' ? [] : [['program', `${executable}, user ${escapeForTerminal(user)}`]];
  const information = connection.informational === true ? ' (for information)' : '';
  const previousId = escapeForTerminal(connection.previousId ?? '');
  return [
    ['id', escapeForTerminal(connection.id ?? '')],
    ['kind', `${kindText(connection)}${information}, TCP state ${escapeForTerminal(connection.state ?? '')}`],
    ['process', holderText(connection)],
    ...program,
    ...holders(connection),
    ...workloadFacts(connection),
    ['local', `${endText(connection.local)}, ${directionName(connection.direction)}`],
    ['peer', endText(connection.remote)],
    ['network', `namespace ${connection.netns ?? 0}, socket cookie ${(connection.cookie ?? 0).toString()}`],
    ['stuck', `${stuckText(connection, nowMs)}, since ${whenText(connection.since)}`],
    ['last progress', whenText(connection.lastProgressTime)],
    ['retransmits', `${connection.retransmits ?? 0}, timeout now ${durationText(durationToMs(connection.rto ?? {}))}`],
    ['probes', (connection.probes ?? 0).toString()],
    [
      'bytes',
      `${bytes(connection.unackedBytes)} unacknowledged, ${bytes(connection.unsentBytes)} unsent, ${bytes(connection.unreadBytes)} unread`,
    ],
    ...circumstanceFacts(connection),
    ...optionFacts(connection),
    ...ended,
    ...(hasEnded(connection) ? [] : suppositionFacts(connection.giveUp)),
    ...forecastFacts(connection),
    ...pollingFacts(connection),
    ...(previousId === '' ? [] : [['previous id', previousId] as const]),
  ];
}

function timelineText(connection: Connection, width: number): string {
  const entries = connection.timeline ?? [];
  if (entries.length === 0) {
    return '';
  }
  const lines = entries.map(({ time, text }) => wrap(escapeForTerminal(text ?? ''), `  ${whenText(time)}  `, width));
  return `\nTimeline:\n${lines.join('')}`;
}

/**
 * @param question the settings of `--what-if`, as they were given.
 * @param width columns of the terminal; Infinity for no limit.
 */
export function formatConnectionPage(
  { stuckConnection, ladder, whatIf }: Page,
  question: string,
  nowMs: number,
  width: number,
  style: Style,
): string {
  const connection = stuckConnection ?? {};
  return [
    diagnosisText(connection, style, width),
    whatIf ? `What if:\n${wrap(whatIfText(question, whatIf, connection, nowMs), '  ', width)}\n` : '',
    `Facts:\n${formatFacts(facts(connection, nowMs), width)}`,
    ladderText(ladder ?? [], connection, nowMs),
    timelineText(connection, width),
  ].join('');
}
