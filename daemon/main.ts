#!/usr/bin/env node
/** `stuckd`: arguments and signals in, exit status out. */
import { parseArgs } from 'node:util';
import { type App, startApp } from './app.js';
import { runCheck } from './check.js';
import { type Config, type ConfigFlags, DEFAULT_CONFIG_PATH, loadConfig } from './config.js';
import { CUT_SECONDS } from './demo/cut-seconds.js';
import { createJsonLogger, createTerminalLogger, type Logger } from './lib/logger.js';
import { escapeForTerminal, wrapWords } from './lib/terminal.js';
import { monotonicUs } from './lib/system-clock.js';
import { VERSION } from './lib/version.js';
import { preflight } from './preflight.js';
import { TerminalView } from './terminal-view.js';

const USAGE = `stuckd ${VERSION}: finds TCP connections that hang, and says which process holds them

  stuckd run     the daemon, in the foreground; SIGTERM or Ctrl-C drains, a second one ends at once
                 SIGHUP reads the configuration again
  stuckd check   what this kernel and these privileges allow, feature by feature
  stuckd demo    cuts a network of its own and shows what stuckd says; cleans up after itself

Options of run and check:
  --config FILE           configuration (default ${DEFAULT_CONFIG_PATH}, if it exists)
  --address ADDR          where gRPC listens: unix:PATH or HOST:PORT       STUCKD_ADDRESS
  --state-dir DIR         where open records are kept                      STUCKD_STATE_DIR
  --sensor-address ADDR   unix:PATH of a sensor that runs apart            STUCKD_SENSOR_ADDRESS
  --log-level LEVEL       debug, info, warn or error
  --json                  run: JSON logs also on a terminal; check: one JSON document

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
  'state-dir': { type: 'string' },
  'sensor-address': { type: 'string' },
  'log-level': { type: 'string' },
  json: { type: 'boolean' },
  cut: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

type OptionName = keyof typeof OPTIONS;
const CONFIG_OPTIONS: readonly OptionName[] = ['config', 'address', 'state-dir', 'sensor-address', 'log-level', 'json'];
const COMMAND_OPTIONS = { run: CONFIG_OPTIONS, check: CONFIG_OPTIONS, demo: ['cut'] } as const satisfies Readonly<
  Record<string, readonly OptionName[]>
>;

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Some terminals do not know their width and say 0; where the output is no terminal there is no limit. */
function columns(): number {
  return process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : Infinity;
}

/** A line of the log, which goes on below itself where the terminal is narrow. */
function writeWrapped(line: string): void {
  write(wrapWords(line, columns() - 2).join('\n  '));
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
    ...(values['state-dir'] === undefined ? {} : { stateDir: values['state-dir'] }),
    ...(values['sensor-address'] === undefined ? {} : { sensorAddress: values['sensor-address'] }),
    ...(values['log-level'] === undefined ? {} : { logLevel: values['log-level'] }),
  };
}

/** Says what is missing, and whether the daemon can start at all. */
function reportPreflight(config: Config, log: Logger): boolean {
  let canStart = true;
  for (const { name, ok, required, message } of preflight(config)) {
    if (!ok && required) {
      canStart = false;
      log.error(`${name}: ${message}`);
    } else if (!ok) {
      log.warn(`${name}: ${message}`);
    }
  }
  return canStart;
}

/**
 * One Ctrl-C can arrive twice: from the terminal, and from npm, which passes on what the terminal sent to everybody. A
 * person who means it a second time needs longer than this.
 */
const SAME_SIGNAL_US = 200_000;

/** Resolves with why to end, for example the first SIGTERM or SIGINT. A second one ends the process at once. */
function awaitEnd(log: Logger): Promise<string> {
  return new Promise((resolve) => {
    // The terminal was closed, or the reader of a pipe went away. SIGHUP alone does not say so: it is a request to reload.
    process.stdout.on('error', () => {
      resolve('standard output is gone');
    });
    let firstUs: number | null = null;
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowUs = monotonicUs();
      firstUs ??= nowUs;
      if (nowUs - firstUs > SAME_SIGNAL_US) {
        log.warn(`second signal (${signal}): ending at once`);
        process.exit(1);
      }
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/** Reads the configuration again at SIGHUP; what is wrong with it is logged, and the old one stays in force. */
function reloadAtHangup(starting: Promise<App>, values: Flags, log: Logger): void {
  const reload = async (): Promise<void> => {
    try {
      const app = await starting;
      app.reload(loadConfig(configFlags(values), process.env));
    } catch (error) {
      log.error(`SIGHUP: nothing was changed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  process.on('SIGHUP', () => {
    void reload();
  });
}

/** Attaches the view of a person to the daemon. @returns what ends it */
function showOnTerminal(app: App, view: TerminalView): () => void {
  const unsubscribe = app.engine.subscribe((change) => {
    view.change(change);
  });
  const timer = setInterval(() => {
    view.summary(app.status());
  }, 10_000);
  void app.firstPicture.then(() => {
    view.line(`stuckctl asks at ${app.grpcAddress}; Ctrl-C ends`);
    view.summary(app.status());
  });
  return () => {
    unsubscribe();
    clearInterval(timer);
    view.close();
  };
}

async function run(config: Config, values: Flags): Promise<number> {
  const forPerson = process.stdout.isTTY && values.json !== true;
  const log = forPerson ? createTerminalLogger(config.log.level, writeWrapped) : createJsonLogger(config.log.level);
  log.info(`stuckd ${VERSION} starts`);
  if (!reportPreflight(config, log)) {
    return 1;
  }
  if (process.getuid?.() === 0 && config.sensor.address === undefined) {
    log.info('the sensor keeps CAP_BPF and CAP_PERFMON only; the daemon stays root, to be able to start it again');
  }
  const ended = awaitEnd(log);
  const starting = startApp(config, log);
  reloadAtHangup(starting, values, log);
  const app = await starting;
  const endView = forPerson ? showOnTerminal(app, new TerminalView(app.clock, write, columns)) : (): void => undefined;
  log.info(`gRPC listens on ${app.grpcAddress}`);
  try {
    const reason = await Promise.race([ended, app.failed]);
    log.info(`${reason}: draining`);
  } finally {
    endView();
    await app.stop();
    log.info('stopped');
  }
  return 0;
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
  // The daemon starts without it.
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
  if (command === undefined || rest.length > 0) {
    throw new UsageError(command === undefined ? 'a command is missing' : `unexpected argument "${rest.join(' ')}"`);
  }
  refuseForeignOptions(command, values);
  switch (command) {
    case 'run':
      return run(loadConfig(configFlags(values), process.env), values);
    case 'check':
      return runCheck(loadConfig(configFlags(values), process.env), values.json === true, write, columns());
    case 'demo':
      return demo(values.cut);
    default:
      throw new UsageError(`there is no command "${command}"`);
  }
}

/** Messages quote the configuration, paths and the sensor; some have several lines. */
function writeError(message: string): void {
  process.stderr.write(`stuckd: ${message.split('\n').map(escapeForTerminal).join('\n')}\n`);
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
