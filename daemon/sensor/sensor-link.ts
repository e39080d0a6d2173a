/** A way to a sensor: one that this daemon starts, or one that runs apart. The only owner of both. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { Duplex, PassThrough, type Readable } from 'node:stream';
import type { SensorMode } from '../core/sensor-records.js';

/** One connection to one sensor. */
export interface SensorLink {
  readonly stream: Duplex;
  /** Resolves once, with why the sensor ended; never rejects. */
  readonly ended: Promise<string>;
  /** Ends the stream, and with it the sensor; kills it if it does not go within `graceMs`. Idempotent. */
  close(graceMs: number): void;
}

/** Lines on the sensor's standard error are cut to this length: it is trusted little. */
const STDERR_LINE_MAX = 500;

/** Why spawning or connecting failed, in words that say what to do. */
function explain(error: unknown, what: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') {
    return `${what} does not exist`;
  }
  if (code === 'EACCES') {
    return `${what} cannot be used: permission denied`;
  }
  if (code === 'ECONNREFUSED') {
    return `nobody listens on ${what}`;
  }
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

/** A link that has ended before it began. */
function brokenLink(reason: string): SensorLink {
  return { stream: new PassThrough().destroy(), ended: Promise.resolve(reason), close: () => undefined };
}

/** Calls `onLine` for each line that is not empty. A line may come in pieces, and end without a newline. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  let line = '';
  const finish = (): void => {
    if (line !== '') {
      onLine(line);
    }
    line = '';
  };
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    for (const [index, part] of text.split('\n').entries()) {
      if (index > 0) {
        finish();
      }
      line = (line + part).slice(0, STDERR_LINE_MAX);
    }
  });
  stream.on('end', finish);
}

/** How a sensor that is started is to observe. */
export interface SensorChoice {
  /** `auto`: by BPF where that can be had, else by polling. */
  readonly mode?: 'auto' | SensorMode;
  /** File with the type information of the running kernel; absent: where the kernel shows it. */
  readonly btf?: string | undefined;
}

/**
 * Starts a sensor as a child, with a socketpair as descriptor 3.
 * @param path the executable
 * @param without tracepoints that it leaves out
 * @param onComplaint gets each line that it writes to standard error
 */
export function spawnSensor(
  path: string,
  without: readonly string[],
  onComplaint: (line: string) => void,
  { mode = 'auto', btf }: SensorChoice = {},
): SensorLink {
  const settings = [
    ...(without.length === 0 ? [] : ['--without', without.join(',')]),
    ...(mode === 'auto' ? [] : ['--mode', mode]),
    ...(btf === undefined ? [] : ['--btf', btf]),
  ];
  let child: ChildProcess;
  try {
    child = spawn(path, ['--fd', '3', ...settings], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  } catch (error) {
    return brokenLink(explain(error, path)); // most failures come as an event, but not ENOMEM and the like
  }
  let killTimer: NodeJS.Timeout | undefined;
  let isOver = false;
  const ended = new Promise<string>((resolve) => {
    const end = (reason: string): void => {
      isOver = true;
      clearTimeout(killTimer);
      resolve(reason);
    };
    child.on('error', (error) => {
      if (child.pid === undefined) {
        end(explain(error, path));
      }
    });
    child.once('close', (code, signal) => {
      end(signal === null ? `it exited with status ${String(code)}` : `it was ended by ${signal}`);
    });
  });
  if (child.stderr !== null && child.pid !== undefined) {
    readLines(child.stderr, onComplaint);
  }
  // Node makes extra pipes of a child as socketpairs: this one is written and read. Without descriptors there is none.
  const pipe = child.pid === undefined ? null : child.stdio[3];
  const stream = pipe instanceof Duplex ? pipe : new PassThrough().destroy();
  stream.on('error', () => {
    // The end of the child says more, and always follows.
  });
  const close = (graceMs: number): void => {
    stream.destroy();
    if (!isOver) {
      killTimer ??= setTimeout(() => {
        child.kill('SIGKILL');
      }, graceMs);
    }
  };
  return { stream, ended, close };
}

/** Connects to a sensor that runs apart. @param path its unix socket */
export function connectSensor(path: string): SensorLink {
  const socket = createConnection(path);
  const ended = new Promise<string>((resolve) => {
    let reason = 'it closed the connection';
    socket.on('error', (error) => {
      reason = explain(error, path);
    });
    socket.once('close', () => {
      resolve(reason);
    });
  });
  return {
    stream: socket,
    ended,
    close: () => {
      socket.destroy();
    },
  };
}
