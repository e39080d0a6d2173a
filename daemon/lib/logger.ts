/** Logging: JSON lines for machines, calm lines for a person, at a terminal or in the journal. The only owner of pino. */
import { destination, type DestinationStream, pino } from 'pino';
import { JOURNAL_PRIORITIES } from './journal.js';
import { escapeForTerminal } from './terminal.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Facts that belong to a message; values from outside are safe in JSON and are escaped on a terminal. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** What is below is left out from now on. */
  setLevel(level: LogLevel): void;
}

/** Lines that could not be written are kept up to this size. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Standard output, for whole lines. */
function openOutput(): DestinationStream {
  // Buffered writes would lose the last lines when the process is killed, and those are the ones that matter.
  const sink = destination({ dest: 1, sync: true, maxLength: BACKLOG_BYTES_MAX });
  // A full disk costs lines of the log, not the daemon: what could not be written is tried again with the next line.
  sink.on('error', () => undefined);
  return sink;
}

/** Writes before each line how severe it is, in the way of the journal. */
function withPriorities(output: DestinationStream): DestinationStream {
  const stream = {
    // With this mark pino keeps in lastLevel what the next line is.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write: (line: string): void => {
      const name = pino.levels.labels[stream.lastLevel];
      const level = LOG_LEVELS.find((known) => known === name) ?? 'error';
      output.write(JOURNAL_PRIORITIES[level] + line);
    },
  };
  return stream;
}

/**
 * JSON lines on standard output.
 * @param toJournal standard output is the journal's, which takes the severity of a line from its beginning
 */
export function createJsonLogger(level: LogLevel, toJournal = false): Logger {
  const output = openOutput();
  const sink = toJournal ? withPriorities(output) : output;
  const root = pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, sink);
  return {
    debug: (message, fields = {}) => {
      root.debug(fields, message);
    },
    info: (message, fields = {}) => {
      root.info(fields, message);
    },
    warn: (message, fields = {}) => {
      root.warn(fields, message);
    },
    error: (message, fields = {}) => {
      root.error(fields, message);
    },
    setLevel: (newLevel) => {
      root.level = newLevel;
    },
  };
}

function describe(fields: LogFields): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${escapeForTerminal(String(value))}`);
  return parts.length === 0 ? '' : `  (${parts.join(', ')})`;
}

/** Only what is not routine says its level. */
const TERMINAL_PREFIXES: Readonly<Record<LogLevel, string>> = {
  debug: '',
  info: '',
  warn: 'warning: ',
  error: 'error: ',
};

/** Lines for a person who reads the journal, on standard output; it adds time, pid and host itself. */
export function createJournalLogger(level: LogLevel): Logger {
  const output = openOutput();
  return createTerminalLogger(level, (line) => output.write(`${line}\n`), JOURNAL_PRIORITIES);
}

/** Lines for a person: what is below `level` is left out. */
export function createTerminalLogger(
  level: LogLevel,
  write: (line: string) => void,
  prefixes: Readonly<Record<LogLevel, string>> = TERMINAL_PREFIXES,
): Logger {
  let threshold = LOG_LEVELS.indexOf(level);
  const log = (lineLevel: LogLevel, message: string, fields: LogFields): void => {
    if (LOG_LEVELS.indexOf(lineLevel) < threshold) {
      return;
    }
    write(`${prefixes[lineLevel]}${escapeForTerminal(message)}${describe(fields)}`);
  };
  return {
    debug: (message, fields = {}) => {
      log('debug', message, fields);
    },
    info: (message, fields = {}) => {
      log('info', message, fields);
    },
    warn: (message, fields = {}) => {
      log('warn', message, fields);
    },
    error: (message, fields = {}) => {
      log('error', message, fields);
    },
    setLevel: (newLevel) => {
      threshold = LOG_LEVELS.indexOf(newLevel);
    },
  };
}
