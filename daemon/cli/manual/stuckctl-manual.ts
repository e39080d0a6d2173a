/** The manual of stuckctl: its commands, of which help, completions and the manual page are made. */
import { AUDIT_RULES } from '../../core/audit/rules.js';
import { type CommandManual, type ProgramManual, SHELLS } from '../../lib/manual/manual.js';
import type { CommandName } from '../arguments.js';
import {
  ALERTS,
  AUDIT,
  COMMON,
  DELIVERIES,
  ENDED,
  FILTERS,
  HELP,
  limit,
  ONE_NODE,
  VERSION,
  WHAT_IF,
} from './options.js';

type CommandText = Omit<CommandManual, 'name'>;

/** For those who begin with the question: `help list` is `list --help`. */
function helpCommand(topics: readonly string[]): CommandManual {
  return {
    name: 'help',
    argument: { value: 'COMMAND', isOptional: true, completes: topics },
    summary: 'how a command is used',
    description: ['Shows what there is, or how a command is used, as --help does.'],
    options: [HELP],
    notes: [],
  };
}

const COMMANDS: Readonly<Record<CommandName, CommandText>> = {
  list: {
    summary: 'the connections that are stuck now',
    description: ['Lists the connections that are stuck now, oldest detection first.'],
    options: [...FILTERS, limit('connections'), ...ENDED, ...COMMON],
    notes: ['json is one document, {"stuckConnections": [...]}; jsonl is one connection a line.'],
  },
  get: {
    argument: { value: 'ID', isOptional: false },
    summary: 'one, in full, with its diagnosis and timeline',
    description: [
      'Shows one stuck connection in full: what it means, what to do, the facts, its retransmissions until the kernel gives up, and what happened to it.',
    ],
    options: [WHAT_IF, ...COMMON],
    notes: ['json is the whole answer; jsonl the connection on one line, or with --what-if the whole answer.'],
  },
  watch: {
    summary: 'follow stuck connections as they open, change and end',
    description: [
      'Follows stuck connections: first those that are stuck now, then every change, one a line. Ctrl-C ends it. When the connection is lost or stuckd restarts, stuckctl connects again, goes on where it was, and says whether anything was missed.',
    ],
    options: [...FILTERS, ...COMMON],
    notes: ['json and jsonl are the same here: one change a line.'],
  },
  top: {
    summary: 'the same on the whole screen, by process and peer, with a way down to each',
    description: [
      'Shows stuck connections on the whole screen and keeps it up to date, a line for each process and peer. Enter leads to the connections of the line, and from there to one of them in full, with its diagnosis. ? shows the keys, q ends it. When the connection is lost or stuckd restarts, it says so and tries again. It shows one node.',
    ],
    options: [...FILTERS, ...ONE_NODE],
    notes: ['It needs a terminal; stuckctl list and stuckctl watch do not. NO_COLOR switches colours off.'],
  },
  processes: {
    summary: 'the processes that hold stuck connections: how many of how many',
    description: [
      'Lists the processes that have stuck connections, most of them first: how many of how many, of which kind, and where they lead to.',
    ],
    options: [...FILTERS, limit('processes'), ...COMMON],
    notes: [
      'The filters choose the connections that count as stuck; totals are of all connections, as of the last sweep.',
      'What came in counts by the local port, never by client. Connections whose process is gone stand under "(none)".',
      'json is one document, {"processes": [...]}; jsonl is one process a line.',
    ],
  },
  peers: {
    summary: 'the peers that connections are stuck to, and whether new ones work',
    description: [
      'Lists the peers to which connections are stuck, most of them first, and what that looks like:',
      [
        '  dead           nothing works: all are stuck or silent, and new connections fail',
        '  poisoned_pool  new connections work, the old ones are lost: drop them',
        '  partial        some are stuck, others work: one of several servers behind the address, perhaps',
        '  not_tried      all are stuck, and nobody tried a new connection lately',
      ].join('\n'),
      'Of several nodes, what they say about one peer is one line, with two verdicts more:',
      [
        '  dead_from_some dead from these nodes; the others have nothing stuck to it, or did not answer',
        '  partition      dead from some nodes, while others get new connections: the network is at fault',
      ].join('\n'),
    ],
    options: [...FILTERS, limit('peers'), ...COMMON],
    notes: [
      'New connections are counted from the moment at which the first one to the peer got stuck.',
      'json is one document, {"peers": [...]}; jsonl is one peer a line.',
    ],
  },
  audit: {
    summary: 'what would hang, and for how long, if a peer vanished now',
    description: [
      'Looks at every established connection that a process has a descriptor of: how long until its application would learn of it if the peer vanished now, without a FIN or a RST, with data in flight and while idle; and which rules it breaks. By process and destination, worst first. Timeouts of the application itself cannot be seen, nor connections of the kernel, or that nobody has accepted yet.',
      'The rules are:',
      AUDIT_RULES.map((rule) => `  ${rule}`).join('\n'),
    ],
    options: [...AUDIT, ...COMMON],
    notes: [
      'Connections from clients count for --fail-on as well, unless --direction outbound leaves them out. The exit code is 1 where it cannot be said: nothing matches the filters, or there are too many connections to look at all of them.',
      'json is one document, {"findings": [...], "summary": {...}}; jsonl is one finding a line.',
    ],
  },
  alerts: {
    summary: 'what a person should know of: one alert for a process and a peer',
    description: [
      'Lists the alerts that are firing, the gravest first; with --watch follows them, one change a line. An alert stands for all connections of one process to one peer that are stuck in the same way.',
    ],
    options: [...ALERTS, limit('alerts'), ...COMMON],
    notes: [
      'json is one document, {"alerts": [...]}; jsonl is one alert a line. With --watch both are one change a line.',
    ],
  },
  deliveries: {
    summary: 'what was sent to receivers, what waits, what was given up',
    description: ['Shows what receivers were told of alerts lately, what waits to be sent, and what was given up.'],
    options: [...DELIVERIES, ...COMMON],
    notes: ['json is one document, {"deliveries": [...]}, or with --retry {"delivery": {...}}; jsonl is one a line.'],
  },
  status: {
    summary: "the agent's own health",
    description: ['Shows whether stuckd sees everything, and what it sees.'],
    options: COMMON,
    notes: [],
  },
  completion: {
    argument: { value: 'SHELL', isOptional: false, completes: SHELLS },
    summary: 'a script that completes what you type, for bash, zsh or fish',
    description: [
      'Prints a script that lets a shell complete commands, options and their values. For this shell, and those to come:',
      [
        '  bash   source <(stuckctl completion bash)     in ~/.bashrc',
        '  zsh    source <(stuckctl completion zsh)      in ~/.zshrc, after compinit',
        '  fish   stuckctl completion fish | source      in ~/.config/fish/config.fish',
      ].join('\n'),
    ],
    options: [HELP],
    notes: [],
  },
};

export const STUCKCTL: ProgramManual = {
  name: 'stuckctl',
  section: 1,
  summary: 'asks stuckd which TCP connections of this machine are stuck',
  commands: [
    ...Object.entries(COMMANDS).map(([name, command]) => ({ name, ...command })),
    helpCommand(Object.keys(COMMANDS)),
  ],
  options: [...COMMON, VERSION],
  notes: [
    'stuckctl COMMAND --help says more about a command.',
    'With several nodes json is {"nodes": [{"node", "address", "response"}], "unreachable": [...]}, each response as that node alone gives it, and jsonl is one {"node", "address", "item"} a line.',
  ],
  environment: [
    { name: 'STUCKD_ADDRESS', text: 'where stuckd listens, if --address is not given' },
    { name: 'STUCKD_TLS_CA', text: 'as --tls-ca' },
    { name: 'STUCKD_TLS_CERT', text: 'as --tls-cert' },
    { name: 'STUCKD_TLS_KEY', text: 'as --tls-key' },
    { name: 'STUCKD_TLS_SERVER_NAME', text: 'as --tls-server-name' },
    { name: 'NO_COLOR', text: 'if it is set and not empty: no colours' },
  ],
  files: [{ name: '/run/stuckd/stuckd.sock', text: 'where stuckd listens by default' }],
  exitCodes: [
    { name: '0', text: 'done' },
    { name: '1', text: 'failed' },
    { name: '2', text: 'wrong usage' },
    { name: '3', text: 'stuckd cannot be reached' },
    { name: '4', text: 'audit --fail-on has found some' },
    { name: '5', text: 'some of several nodes did not answer: what the others said is shown' },
  ],
  seeAlso: ['stuckd(8)', 'stuckd.yaml(5)', 'ss(8)'],
};
