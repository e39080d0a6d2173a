#!/usr/bin/env node
/**
 * `stuckd`: arguments in, exit status out. Each command is loaded when it is asked for: gRPC and the other packages take
 * longer to load than everything else, and neither help nor a mistake in the command line needs them.
 */
import { parseArgs } from 'node:util';
import type { Config, ConfigFlags } from './config.js';
import { CUT_SECONDS } from './demo/cut-seconds.js';
import { boundHeapGrowth } from './heap-growth.js';
import { linePrefix } from './lib/journal.js';
import { escapeForTerminal } from './lib/terminal.js';
import { VERSION } from './lib/version.js';
import { COMMAND_OPTIONS, OPTIONS } from './stuckd-options.js';

/** A mistake in the command line. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

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
    ...(values['sensor-mode'] === undefined ? {} : { sensorMode: values['sensor-mode'] }),
    ...(values['log-level'] === undefined ? {} : { logLevel: values['log-level'] }),
  };
}

async function configReader(values: Flags): Promise<() => Config> {
  const { loadConfig } = await import('./config.js');
  const flags = configFlags(values);
  return () => loadConfig(flags, process.env);
}

async function run(values: Flags): Promise<number> {
  boundHeapGrowth();
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

async function completion([shell = '', ...rest]: readonly string[]): Promise<number> {
  const [{ completionScript }, { isShell, SHELLS }, { STUCKD }] = await Promise.all([
    import('./lib/manual/completion.js'),
    import('./lib/manual/manual.js'),
    import('./stuckd-manual.js'),
  ]);
  if (!isShell(shell) || rest.length > 0) {
    throw new UsageError(`write completion and one of ${SHELLS.join(', ')}`);
  }
  process.stdout.write(completionScript(STUCKD, shell));
  return 0;
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.version === true) {
    write(`stuckd ${VERSION}`);
    return 0;
  }
  const [command, ...rest] = positionals;
  if (values.help === true || command === 'help') {
    const { stuckdHelp } = await import('./stuckd-help.js');
    process.stdout.write(stuckdHelp(VERSION));
    return 0;
  }
  if (command === undefined || (rest.length > 0 && command !== 'config' && command !== 'completion')) {
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
    case 'completion':
      return completion(rest);
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
