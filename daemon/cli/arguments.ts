/** The command line of stuckctl. */
import { parseArgs } from 'node:util';
import { isShell, type Shell, SHELLS } from '../lib/manual/manual.js';
import { SEVERITIES_BY_NAME } from '../rpc/alert-names.js';
import { KINDS_BY_NAME } from '../rpc/enum-mapping.js';
import type { ClientTls, ConnectionFilterRequest } from '../rpc/grpc-client.js';
import { parsePeer } from '../rpc/peer-address.js';
import type { AlertsCommand } from './alerts-arguments.js';
import { type AuditQuestion, parseAuditQuestion } from './audit-arguments.js';
import { UsageError } from './cli-io.js';
import { type DeliveriesQuery, parseDeliveryState, parseRetry } from './deliveries-arguments.js';
import { NODES_OPTION_NAMES, NODES_OPTIONS, type NodesQuestion, parseDestination } from './nodes/nodes-arguments.js';
import { parseTimeArgument, type TimeArgument } from './time-argument.js';
import { clientTls, TLS_OPTION_NAMES, TLS_OPTIONS } from './tls-arguments.js';
import { parseWhatIfQuestion, type WhatIfQuestion } from './what-if-arguments.js';
import { workloadFilter } from './workload-arguments.js';

export type OutputFormat = 'table' | 'json' | 'jsonl';

const COMMAND_NAMES = [
  'list',
  'get',
  'watch',
  'top',
  'processes',
  'peers',
  'audit',
  'alerts',
  'deliveries',
  'status',
  'completion',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

interface Common {
  readonly address: string;
  /** Where several nodes are asked; absent for the one daemon at `address`. */
  readonly nodes?: NodesQuestion;
  /** Absent for none. */
  readonly tls?: ClientTls;
  readonly output: OutputFormat;
}

export type Command =
  | { readonly name: 'help'; readonly topic: CommandName | null }
  | { readonly name: 'version' }
  | (Common & {
      readonly name: 'list';
      readonly filter: ConnectionFilterRequest;
      readonly limit: number;
      readonly includeEnded: boolean;
      /** Only what was stuck at some time from then on, and what was detected before then. */
      readonly since: TimeArgument | null;
      readonly until: TimeArgument | null;
    })
  | (Common & { readonly name: 'get'; readonly id: string; readonly whatIf: WhatIfQuestion | null })
  | (Common & { readonly name: 'watch'; readonly filter: ConnectionFilterRequest })
  | (Common & { readonly name: 'top'; readonly filter: ConnectionFilterRequest })
  | (Common & {
      readonly name: 'processes' | 'peers';
      readonly filter: ConnectionFilterRequest;
      readonly limit: number;
    })
  | (Common &
      AuditQuestion & { readonly name: 'audit'; readonly filter: ConnectionFilterRequest; readonly limit: number })
  | (Common & AlertsCommand & { readonly name: 'alerts' })
  | (Common & DeliveriesQuery & { readonly name: 'deliveries' })
  | (Common & { readonly name: 'status' })
  | { readonly name: 'completion'; readonly shell: Shell };

/** As parseArgs() of Node takes them. */
export const OPTIONS = {
  output: { type: 'string', short: 'o' },
  address: { type: 'string', multiple: true },
  ...NODES_OPTIONS,
  ...TLS_OPTIONS,
  pid: { type: 'string', multiple: true },
  kind: { type: 'string', multiple: true },
  peer: { type: 'string', multiple: true },
  netns: { type: 'string', multiple: true },
  container: { type: 'string', multiple: true },
  pod: { type: 'string', multiple: true },
  unit: { type: 'string', multiple: true },
  limit: { type: 'string' },
  ended: { type: 'boolean' },
  since: { type: 'string' },
  until: { type: 'string' },
  watch: { type: 'boolean', short: 'w' },
  all: { type: 'boolean' },
  severity: { type: 'string' },
  test: { type: 'string' },
  'what-if': { type: 'string', multiple: true },
  receiver: { type: 'string', multiple: true },
  state: { type: 'string', multiple: true },
  retry: { type: 'string' },
  'fail-on': { type: 'string', multiple: true },
  threshold: { type: 'string' },
  direction: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

type OptionName = keyof typeof OPTIONS;
type Values = ReturnType<typeof parse>['values'];

const COMMON_OPTIONS: readonly OptionName[] = [
  ...(['output', 'address', 'help', 'version'] as const),
  ...NODES_OPTION_NAMES,
  ...TLS_OPTION_NAMES,
];
const FILTER_OPTIONS: readonly OptionName[] = ['pid', 'kind', 'peer', 'netns', 'container', 'pod', 'unit'];
/** Of what is not stuck there is no kind. */
const AUDIT_FILTER_OPTIONS = FILTER_OPTIONS.filter((option) => option !== 'kind');
export const COMMAND_OPTIONS: Readonly<Record<CommandName, readonly OptionName[]>> = {
  list: [...COMMON_OPTIONS, ...FILTER_OPTIONS, 'limit', 'ended', 'since', 'until'],
  get: [...COMMON_OPTIONS, 'what-if'],
  watch: [...COMMON_OPTIONS, ...FILTER_OPTIONS],
  top: ['address', ...TLS_OPTION_NAMES, 'help', 'version', ...FILTER_OPTIONS],
  processes: [...COMMON_OPTIONS, ...FILTER_OPTIONS, 'limit'],
  peers: [...COMMON_OPTIONS, ...FILTER_OPTIONS, 'limit'],
  audit: [...COMMON_OPTIONS, ...AUDIT_FILTER_OPTIONS, 'limit', 'fail-on', 'threshold', 'direction'],
  alerts: [...COMMON_OPTIONS, 'pid', 'kind', 'peer', 'limit', 'watch', 'all', 'since', 'severity', 'test'],
  deliveries: [...COMMON_OPTIONS, 'receiver', 'state', 'retry', 'limit'],
  status: COMMON_OPTIONS,
  completion: ['help', 'version'],
};

const UINT32_MAX = 0xffff_ffff;

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's messages name the option; their advice about "--" after the first sentence is of no use here.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(/\.\s/)[0] ?? message);
  }
}

function isCommandName(name: string): name is CommandName {
  return (COMMAND_NAMES as readonly string[]).includes(name);
}

function commandName(name: string): CommandName {
  if (!isCommandName(name)) {
    throw new UsageError(`there is no command ${JSON.stringify(name)}; the commands are ${COMMAND_NAMES.join(', ')}`);
  }
  return name;
}

/** An option may be given several times, or once with commas. */
function items(values: readonly string[] | undefined): string[] {
  return (values ?? []).flatMap((value) => value.split(',')).map((value) => value.trim());
}

function positiveNumber(option: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > UINT32_MAX) {
    throw new UsageError(`--${option} ${JSON.stringify(text)}: give a whole number from 1 to ${UINT32_MAX}`);
  }
  return value;
}

/** The name as tables show it, or as JSON does: STUCK_KIND_CLOSING. */
function kind(text: string): number {
  const name = text.toLowerCase().replaceAll('-', '_');
  const value = KINDS_BY_NAME.get(name.replace(/^stuck_kind_/, ''));
  if (value === undefined) {
    throw new UsageError(`--kind ${JSON.stringify(text)}: the kinds are ${[...KINDS_BY_NAME.keys()].join(', ')}`);
  }
  return value;
}

function peer(text: string): string {
  if (parsePeer(text) === null) {
    throw new UsageError(
      `--peer ${JSON.stringify(text)}: give an IP address, with a port if you like: 10.0.0.2, 10.0.0.2:80 or [2001:db8::2]:80`,
    );
  }
  return text;
}

/** The inode number, or the form in which /proc/PID/ns/net and lsns show it. */
function netns(text: string): number {
  return positiveNumber('netns', /^net:\[(\d+)\]$/.exec(text)?.[1] ?? text);
}

function filter(values: Values): ConnectionFilterRequest {
  return {
    pids: items(values.pid).map((text) => positiveNumber('pid', text)),
    kinds: items(values.kind).map(kind),
    peers: items(values.peer).map(peer),
    netns: items(values.netns).map(netns),
    ...workloadFilter(items(values.container), items(values.pod), items(values.unit)),
  };
}

/** The least grave that is wanted. */
function severity(text: string | undefined): number {
  const value = text === undefined ? 0 : SEVERITIES_BY_NAME.get(text.toLowerCase().replace(/^severity_/, ''));
  if (value === undefined) {
    throw new UsageError(
      `--severity ${JSON.stringify(text)}: give ${[...SEVERITIES_BY_NAME.keys()].join(', ')}; graver ones are shown as well`,
    );
  }
  return value;
}

function alertsCommand(values: Values): AlertsCommand {
  const { pids, kinds, peers } = filter(values);
  const watch = values.watch ?? false;
  const asksResolved = values.all === true || values.since !== undefined;
  if (watch && (asksResolved || values.limit !== undefined)) {
    throw new UsageError(
      'alerts: --watch begins with what fires now and goes on; --all, --since and --limit are for the list',
    );
  }
  const filtered = [values.pid, values.kind, values.peer, values.severity, values.limit].some(Boolean);
  if (values.test !== undefined && (filtered || watch || asksResolved)) {
    throw new UsageError('alerts: --test tells one receiver of a test alert; it goes with none of the other options');
  }
  if (values.test === '') {
    throw new UsageError('--test: give the name of a receiver, as the configuration has it');
  }
  return {
    filter: { pids: pids ?? [], kinds: kinds ?? [], peers: peers ?? [], minSeverity: severity(values.severity) },
    limit: values.limit === undefined ? Infinity : positiveNumber('limit', values.limit),
    includeResolved: asksResolved,
    since: parseTimeArgument('since', values.since),
    watch,
    test: values.test ?? null,
  };
}

function outputFormat(text: string | undefined): OutputFormat {
  switch (text) {
    case undefined:
    case 'table':
      return 'table';
    case 'json':
    case 'jsonl':
      return text;
    default:
      throw new UsageError(`--output ${JSON.stringify(text)}: give table, json or jsonl`);
  }
}

function refuseExtra(name: CommandName, values: Values, positionals: readonly string[], wanted: number): void {
  const extra = positionals[wanted];
  if (extra !== undefined) {
    throw new UsageError(`${name}: unexpected argument ${JSON.stringify(extra)}`);
  }
  const foreign = Object.keys(values).find((option) => !COMMAND_OPTIONS[name].includes(option as OptionName));
  if (foreign !== undefined) {
    throw new UsageError(`${name} has no option --${foreign}`);
  }
}

function helpCommand(values: Values, positionals: readonly string[]): Command | null {
  const [first, second] = positionals;
  if (first === 'help') {
    return { name: 'help', topic: second === undefined ? null : commandName(second) };
  }
  if (values.help === true) {
    return { name: 'help', topic: first === undefined ? null : commandName(first) };
  }
  return values.version === true ? { name: 'version' } : null;
}

/**
 * @param args what follows the program's name.
 * @throws UsageError
 */
export function parseCommand(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const { values, positionals } = parse([...args]);
  const help = helpCommand(values, positionals);
  if (help !== null) {
    return help;
  }
  const [first, ...rest] = positionals;
  if (first === undefined) {
    throw new UsageError(`give a command: ${COMMAND_NAMES.join(', ')}`);
  }
  const name = commandName(first);
  refuseExtra(name, values, rest, name === 'get' || name === 'completion' ? 1 : 0);
  const { overTcp, ...destination } = parseDestination(values, env);
  const tls = clientTls(values, env, overTcp);
  const common = { ...destination, ...(tls === null ? {} : { tls }), output: outputFormat(values.output) };
  switch (name) {
    case 'list': {
      const limit = values.limit === undefined ? Infinity : positiveNumber('limit', values.limit);
      const includeEnded = values.ended ?? false;
      const since = parseTimeArgument('since', values.since);
      if (since !== null && !includeEnded) {
        throw new UsageError('--since chooses among connections that are no longer stuck: give --ended too');
      }
      const until = parseTimeArgument('until', values.until);
      return { name, ...common, filter: filter(values), limit, includeEnded, since, until };
    }
    case 'get': {
      const [id] = rest;
      if (id === undefined || id === '') {
        throw new UsageError('get: give the id of a stuck connection, as stuckctl list shows it');
      }
      return { name, ...common, id, whatIf: parseWhatIfQuestion(items(values['what-if'])) };
    }
    case 'watch':
    case 'top':
      return { name, ...common, filter: filter(values) };
    case 'processes':
    case 'peers': {
      const limit = values.limit === undefined ? Infinity : positiveNumber('limit', values.limit);
      return { name, ...common, filter: filter(values), limit };
    }
    case 'audit': {
      const limit = values.limit === undefined ? Infinity : positiveNumber('limit', values.limit);
      const question = parseAuditQuestion(items(values['fail-on']), values.threshold, values.direction);
      return { name, ...common, ...question, filter: filter(values), limit };
    }
    case 'alerts':
      return { name, ...common, ...alertsCommand(values) };
    case 'deliveries':
      return {
        ...{ name, ...common, receivers: items(values.receiver), states: items(values.state).map(parseDeliveryState) },
        limit: values.limit === undefined ? Infinity : positiveNumber('limit', values.limit),
        retry: parseRetry(values.retry),
      };
    case 'status':
      return { name, ...common };
    case 'completion': {
      const [shell = ''] = rest;
      if (!isShell(shell)) {
        throw new UsageError(`completion: give one of ${SHELLS.join(', ')}`);
      }
      return { name, shell };
    }
  }
}
