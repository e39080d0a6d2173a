/** The manual of stuckd: its commands, of which help, completions and the manual page are made. */
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { CUT_SECONDS } from './demo/cut-seconds.js';
import { type CommandManual, type OptionManual, type ProgramManual, SHELLS } from './lib/manual/manual.js';

const CONFIG: OptionManual = {
  name: 'config',
  value: 'FILE',
  completes: 'file',
  text: `configuration (default ${DEFAULT_CONFIG_PATH}, if it exists)`,
};

/** What the command line says in place of the file. */
const SETTINGS: readonly OptionManual[] = [
  CONFIG,
  {
    name: 'address',
    value: 'ADDR',
    completes: { filesAfter: ['unix:'] },
    environment: 'STUCKD_ADDRESS',
    text: 'where gRPC listens: unix:PATH or HOST:PORT',
  },
  {
    name: 'http-address',
    value: 'ADDR',
    environment: 'STUCKD_HTTP_ADDRESS',
    text: 'where metrics are: HOST:PORT, or off',
  },
  {
    name: 'state-dir',
    value: 'DIR',
    completes: 'directory',
    environment: 'STUCKD_STATE_DIR',
    text: 'where open records are kept',
  },
  {
    name: 'sensor-address',
    value: 'ADDR',
    completes: { filesAfter: ['unix:'] },
    environment: 'STUCKD_SENSOR_ADDRESS',
    text: 'unix:PATH of a sensor that runs apart',
  },
  {
    name: 'sensor-mode',
    value: 'MODE',
    completes: ['auto', 'ebpf', 'polling'],
    environment: 'STUCKD_SENSOR_MODE',
    text: 'how it observes: auto, ebpf or polling',
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    completes: ['debug', 'info', 'warn', 'error'],
    text: 'debug, info, warn or error',
  },
];

const JSON_LOGS: OptionManual = {
  name: 'json',
  text: 'run: JSON logs also on a terminal and in the journal of systemd; check: as -o json',
};
const OUTPUT: OptionManual = {
  name: 'output',
  short: 'o',
  value: 'FORMAT',
  completes: ['table', 'json'],
  text: 'check: table, or json for one document',
};
const HELP: OptionManual = { name: 'help', short: 'h', text: 'how it is used' };
const VERSION: OptionManual = { name: 'version', short: 'V', text: 'the version' };

const COMMANDS: readonly CommandManual[] = [
  {
    name: 'run',
    summary:
      'the daemon, in the foreground; SIGTERM or Ctrl-C drains, a second one ends at once; SIGHUP reads the configuration again',
    description: [
      'Runs the daemon in the foreground. SIGTERM or Ctrl-C drains, a second one ends at once. SIGHUP reads the configuration again.',
    ],
    options: [...SETTINGS, JSON_LOGS],
    notes: [],
  },
  {
    name: 'check',
    summary: 'what this kernel and these privileges allow, feature by feature',
    description: ['Shows what this kernel and these privileges allow, feature by feature.'],
    options: [...SETTINGS, JSON_LOGS, OUTPUT],
    notes: [],
  },
  {
    name: 'demo',
    summary: 'cuts a network of its own and shows what stuckd says; cleans up after itself',
    description: ['Cuts a network of its own and shows what stuckd says; cleans up after itself.'],
    options: [
      {
        name: 'cut',
        value: 'SECONDS',
        text: `how long the network is cut (${CUT_SECONDS.min} to ${CUT_SECONDS.max}, default ${CUT_SECONDS.default})`,
      },
    ],
    notes: [],
  },
  {
    name: 'config check',
    argument: { value: 'FILE', isOptional: true, completes: 'file' },
    summary: 'whether the configuration is valid; exit status 1 if not',
    description: ['Says whether the configuration is valid. The exit status is 1 if it is not.'],
    options: [CONFIG],
    notes: [],
  },
  {
    name: 'config print',
    summary: 'what is in effect, defaults included; with --redacted without what may be secret',
    description: ['Prints what is in effect: the file, variables and options, defaults included.'],
    options: [...SETTINGS, { name: 'redacted', text: 'config print: without what may be secret' }],
    notes: [],
  },
  {
    name: 'config schema',
    summary: 'a JSON Schema of the file, for editors',
    description: ['Prints a JSON Schema of the file, for editors.'],
    options: [],
    notes: [],
  },
  {
    name: 'completion',
    argument: { value: 'SHELL', isOptional: false, completes: SHELLS },
    summary: 'a script that completes what you type, for bash, zsh or fish',
    description: ['Prints a script that lets a shell complete commands, options and their values.'],
    options: [],
    notes: [],
  },
  {
    name: 'help',
    summary: 'the same as --help',
    description: ['Shows the commands and their options, as --help does.'],
    options: [],
    notes: [],
  },
];
export const STUCKD: ProgramManual = {
  name: 'stuckd',
  section: 8,
  summary: 'finds TCP connections that hang, and says which process holds them',
  commands: COMMANDS.map((command) => ({ ...command, options: [...command.options, HELP] })),
  options: [HELP, VERSION],
  notes: ['Ask a running daemon with stuckctl.'],
  environment: [
    { name: 'STUCKD_ADDRESS', text: 'as --address' },
    { name: 'STUCKD_HTTP_ADDRESS', text: 'as --http-address' },
    { name: 'STUCKD_STATE_DIR', text: 'as --state-dir' },
    { name: 'STUCKD_SENSOR_ADDRESS', text: 'as --sensor-address' },
    { name: 'STUCKD_SENSOR_MODE', text: 'as --sensor-mode' },
  ],
  files: [{ name: DEFAULT_CONFIG_PATH, text: 'the configuration, see stuckd.yaml(5)' }],
  exitCodes: [
    { name: '0', text: 'done' },
    { name: '1', text: 'failed' },
    { name: '2', text: 'wrong usage' },
  ],
  seeAlso: ['stuckctl(1)', 'stuckd.yaml(5)'],
};
