#!/usr/bin/env node
/**
 * `stuckd`: arguments in, exit status out. Each command is loaded when it is asked for: gRPC and the other packages take
 * longer to load than everything else, and neither help nor a mistake in the command line needs them.
 */
import { parseArgs } from 'node:util';
import type { Config, ConfigFlags } from './config.js';
import { DEFAULT_CONFIG_PATH } from './default-config-path.js';
import { CUT_SECONDS } from './demo/cut-seconds.js';
import { linePrefix } from './lib/journal.js';
import { escapeForTerminal } from './lib/terminal.js';
import { VERSION } from './lib/version.js';

const USAGE = `stuckd ${VERSION}: finds TCP connections that hang, and says which process holds them

  stuckd run     the daemon, in the foreground; SIGTERM or Ctrl-C drains, a second one ends at once
                 SIGHUP reads the configuration again
  stuckd check   what this kernel and these privileges allow, feature by feature
  stuckd demo    cuts a network of its own and shows what stuckd says; cleans up after itself
  stuckd config check [FILE]         whether the configuration is valid; exit status 1 if not
  stuckd config print [--redacted]   what is in effect, defaults included, without what may be secret
  stuckd config schema               a JSON Schema of the file, for editors

Options of run and check:
  --config FILE           configuration (default ${DEFAULT_CONFIG_PATH}, if it exists)
  --address ADDR          where gRPC listens: unix:PATH or HOST:PORT       STUCKD_ADDRESS
  --http-address ADDR     where metrics are: HOST:PORT, or off             STUCKD_HTTP_ADDRESS
  --state-dir DIR         where open records are kept                      STUCKD_STATE_DIR
  --sensor-address ADDR   unix:PATH of a sensor that runs apart            STUCKD_SENSOR_ADDRESS
  --log-level LEVEL       debug, info, warn or error
  --json                  run: JSON logs also on a terminal and in the journal of systemd; check: as -o json
  -o, --output FORMAT     check: table, or json for one document

Options of demo:
  --cut SECONDS           how long the network is cut (${CUT_SECONDS.min} to ${CUT_SECONDS.max}, default ${CUT_SECONDS.default})

-h or --help shows this text, -V or --version the version. Ask a running daemon with stuckctl.
`;

/** A mistake in the command line. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

const OPTIONS = {
  config: { type: 'string' },
  address: { type: 'string' },
  'http-address': { type: 'string' },
  'state-dir': { type: 'string' },
  'sensor-address': { type: 'string' },
  'log-level': { type: 'string' },
  json: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  cut: { type: 'string' },
  redacted: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

type OptionName = keyof typeof OPTIONS;
const CONFIG_OPTIONS: readonly OptionName[] = [
  'config',
  'address',
  'http-address',
  'state-dir',
  'sensor-address',
  'log-level',
  'json',
];
const COMMAND_OPTIONS = {
  run: CONFIG_OPTIONS,
  check: [...CONFIG_OPTIONS, 'output'],
  demo: ['cut'],
  config: [...CONFIG_OPTIONS.filter((name) => name !== 'json'), 'redacted'],
} as const satisfies Readonly<Record<string, readonly OptionName[]>>;

function write(line: string): void {
  process.stdout.write(`${linePrefix(1, 'info', process.env)}${line}\n`);
}

/** Some terminals do not know their width and say 0; where the output is no terminal there is no limit. */
function columns(): number {
  return process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : Infinity;
}

type Flags = ReturnType<typeof readArguments>['values'];

function readArguments(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Node's messages name the option; their advice about "--" after the first sentence is of no use here.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(/\.\s/)[0] ?? message);
  }
}

/** An option that would have no effect is a mistake that nobody would notice. */
function refuseForeignOptions(command: string, values: Flags): void {
  const own: readonly string[] = Object.hasOwn(COMMAND_OPTIONS, command)
    ? COMMAND_OPTIONS[command as keyof typeof COMMAND_OPTIONS]
    : Object.keys(OPTIONS);
  const foreign = Object.keys(values).find((option) => !own.includes(option));
  if (foreign !== undefined) {
    throw new UsageError(`${command} has no option --${foreign}`);
  }
}

function configFlags(values: Flags): ConfigFlags {
  return {
    ...(values.config === undefined ? {} : { configPath: values.config }),
    ...(values.address === undefined ? {} : { grpcAddress: values.address }),
    ...(values['http-address'] === undefined ? {} : { httpAddress: values['http-address'] }),
    ...(values['state-dir'] === undefined ? {} : { stateDir: values['state-dir'] }),
    ...(values['sensor-address'] === undefined ? {} : { sensorAddress: values['sensor-address'] }),
    ...(values['log-level'] === undefined ? {} : { logLevel: values['log-level'] }),
  };
}

async function configReader(values: Flags): Promise<() => Config> {
  const { loadConfig } = await import('./config.js');
  const flags = configFlags(values);
  return () => loadConfig(flags, process.env);
}

async function run(values: Flags): Promise<number> {
  const readConfig = await configReader(values);
  const { runDaemon } = await import('./run.js');
  return runDaemon(readConfig, {
    terminal: process.stdout.isTTY && values.json !== true ? { write, columns } : null,
    json: values.json === true,
    exit: (status) => process.exit(status),
  });
}

function wantsJson({ json, output }: Flags): boolean {
  if (output !== undefined && output !== 'table' && output !== 'json') {
    throw new UsageError(`--output is "${output}", neither table nor json`);
  }
  return output === 'json' || (output === undefined && json === true);
}

async function check(values: Flags): Promise<number> {
  const asJson = wantsJson(values);
  const readConfig = await configReader(values);
  const { runCheck } = await import('./check.js');
  return runCheck(readConfig(), asJson, write, columns());
}

async function config(words: readonly string[], values: Flags): Promise<number> {
  const { ConfigUsageError, runConfigCommand } = await import('./config-command.js');
  try {
    runConfigCommand(words, { ...configFlags(values), redacted: values.redacted === true }, write);
    return 0;
  } catch (error) {
    throw error instanceof ConfigUsageError ? new UsageError(error.message) : error;
  }
}

async function demo(cut: string | undefined): Promise<number> {
  const cutSeconds = cut === undefined ? CUT_SECONDS.default : Number(cut);
  if (!(cutSeconds >= CUT_SECONDS.min && cutSeconds <= CUT_SECONDS.max)) {
    throw new UsageError(`--cut must lie between ${CUT_SECONDS.min} and ${CUT_SECONDS.max} seconds`);
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted.abort();
    });
  }
  process.stdout.on('error', () => {
    interrupted.abort();
  });
  const { runDemo } = await import('./demo/demo.js');
  return runDemo({ cutSeconds, signal: interrupted.signal });
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.version === true) {
    write(`stuckd ${VERSION}`);
    return 0;
  }
  const [command, ...rest] = positionals;
  if (values.help === true || command === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (command === undefined || (rest.length > 0 && command !== 'config')) {
    throw new UsageError(command === undefined ? 'a command is missing' : `unexpected argument "${rest.join(' ')}"`);
  }
  refuseForeignOptions(command, values);
  switch (command) {
    case 'run':
      return run(values);
    case 'check':
      return check(values);
    case 'demo':
      return demo(values.cut);
    case 'config':
      return config(rest, values);
    default:
      throw new UsageError(`there is no command "${command}"`);
  }
}

/** Messages quote the configuration, paths and the sensor; some have several lines. */
function writeError(message: string): void {
  const lines = `stuckd: ${message}`.split('\n').map(escapeForTerminal);
  const prefix = linePrefix(2, 'error', process.env);
  process.stderr.write(lines.map((line) => `${prefix}${line}\n`).join(''));
}

// Whoever read the output may have gone (`stuckd check | head`): what is written after that is lost, and nothing else is.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', () => undefined);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    writeError(`${error.message}; see stuckd --help`);
    process.exitCode = 2;
  } else {
    writeError(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
