/** `stuckd run`: the daemon in the foreground, its signals, and what a person at a terminal sees of it. */
import { mkdirSync } from 'node:fs';
import { type App, startApp } from './app.js';
import type { Config } from './config.js';
import { isJournal } from './lib/journal.js';
import { createJournalLogger, createJsonLogger, createTerminalLogger, type Logger } from './lib/logger.js';
import { ownPlaces } from './lib/own-places.js';
import { monotonicUs } from './lib/system-clock.js';
import { wrapWords } from './lib/terminal.js';
import { VERSION } from './lib/version.js';
import { daemonPreflight } from './preflight.js';
import type { ServiceNotifier } from './service-manager/service-notifier.js';
import { notifyServiceManager } from './service-notifications.js';
import { TerminalView } from './terminal-view.js';

export interface RunOptions {
  /** Where a person reads along; null for lines on standard output. */
  readonly terminal: { readonly write: (line: string) => void; readonly columns: () => number } | null;
  /** JSON lines also where a person would be shown others. */
  readonly json: boolean;
  /** Ends the process at once. */
  readonly exit: (status: number) => never;
}

/** Says what is missing, and whether the daemon can start at all. */
function reportPreflight(config: Config, log: Logger): boolean {
  let canStart = true;
  for (const { name, ok, required, message } of daemonPreflight(config)) {
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
function awaitEnd(log: Logger, exit: RunOptions['exit']): Promise<string> {
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
        exit(1);
      }
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/** What is there once the daemon serves. */
interface Running {
  readonly app: App;
  readonly notifier: ServiceNotifier | null;
}

/** Reads the configuration again at SIGHUP; what is wrong with it is logged, and the old one stays in force. */
function reloadAtHangup(starting: Promise<Running>, readConfig: () => Config, log: Logger): void {
  const reload = async (): Promise<void> => {
    const { app, notifier } = await starting;
    notifier?.reloading();
    try {
      app.reload(readConfig());
    } catch (error) {
      app.reloadFailed();
      log.error(`SIGHUP: nothing was changed: ${error instanceof Error ? error.message : String(error)}`);
    }
    notifier?.ready();
  };
  process.on('SIGHUP', () => {
    void reload().catch(() => undefined); // it did not start, and says why
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

function createLogger(config: Config, { terminal, json }: RunOptions): Logger {
  const { level } = config.log;
  const toJournal = isJournal(1, process.env);
  if (terminal === null) {
    return toJournal && !json ? createJournalLogger(level) : createJsonLogger(level, toJournal);
  }
  return createTerminalLogger(level, (line) => {
    // A line goes on below itself where the terminal is narrow.
    terminal.write(wrapWords(line, terminal.columns() - 2).join('\n  '));
  });
}

/** An ordinary user gets a place of his own, which is nobody else's business: the socket may be in it. */
function settleIn({ stateDir }: Config, log: Logger): void {
  if (ownPlaces(process.env) === null) {
    return;
  }
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    log.info(`an ordinary user runs it: its state is in ${stateDir}`);
  } catch {
    // Whoever writes there says what is wrong with it.
  }
}

/**
 * @param readConfig called at the start and at every SIGHUP
 * @returns the exit status, after the daemon has drained
 */
export async function runDaemon(readConfig: () => Config, options: RunOptions): Promise<number> {
  const { terminal, exit } = options;
  const config = readConfig();
  const log = createLogger(config, options);
  log.info(`stuckd ${VERSION} starts`);
  if (!reportPreflight(config, log)) {
    return 1;
  }
  settleIn(config, log);
  if (process.getuid?.() === 0 && config.sensor.address === undefined) {
    log.info(
      'the sensor keeps the capabilities that it uses, no others; the daemon stays root, to be able to start it again',
    );
  }
  const ended = awaitEnd(log, exit);
  const starting = startApp(config, log).then((app) => ({
    app,
    notifier: notifyServiceManager(app, log, process.env),
  }));
  reloadAtHangup(starting, readConfig, log);
  const { app, notifier } = await starting;
  const endView =
    terminal === null
      ? (): void => undefined
      : showOnTerminal(app, new TerminalView(app.clock, terminal.write, terminal.columns));
  log.info(`gRPC listens on ${app.grpcAddress}${app.grpcTcpAddress === null ? '' : ` and ${app.grpcTcpAddress}`}`);
  if (app.httpAddress !== null) {
    log.info(`metrics are at http://${app.httpAddress}/metrics`);
  }
  try {
    const reason = await Promise.race([ended, app.failed]);
    log.info(`${reason}: draining`);
  } finally {
    endView();
    notifier?.stopping();
    await app.stop();
    log.info('stopped');
  }
  return 0;
}
