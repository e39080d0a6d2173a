/** A way to a sensor: one that this daemon starts, or one that runs apart. The only owner of both. */
import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';

/** One connection to one sensor. */
export interface SensorLink {
  readonly stream: Duplex;
  /** Resolves once, with why the sensor ended; never rejects. */
  readonly ended: Promise<string>;
  /** Ends the stream, and with it the sensor; kills it if it does not go within `graceMs`. Idempotent. */
  close(graceMs: number): void;
}

/** Lines on the sensor's standard error beyond this length are cut: it is trusted little. */
const STDERR_LINE_MAX = 500;

/** errno names that spawning or connecting gives, in words that say what to do. */
function explain(error: NodeJS.ErrnoException, what: string): string {
  switch (error.code) {
    case 'ENOENT':
      return `${what} does not exist`;
    case 'EACCES':
      return `${what} cannot be used: permission denied`;
    case 'ECONNREFUSED':
      return `nobody listens on ${what}`;
    default:
      return `${what}: ${error.message}`;
  }
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
): SensorLink {
  const leaveOut = without.length === 0 ? [] : ['--without', without.join(',')];
  const child = spawn(path, ['--fd', '3', ...leaveOut], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  // Node makes extra pipes of a child as socketpairs: this one is written and read.
  const stream = child.stdio[3] as Duplex;
  stream.on('error', () => {
    // The end of the child says more, and always follows.
  });
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    for (const line of text.split('\n')) {
      if (line !== '') {
        onComplaint(line.slice(0, STDERR_LINE_MAX));
      }
    }
  });
  let killTimer: NodeJS.Timeout | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(explain(error, path));
    });
    child.once('close', (code, signal) => {
      clearTimeout(killTimer);
      resolve(signal === null ? `it exited with status ${String(code)}` : `it was ended by ${signal}`);
    });
  });
  const close = (graceMs: number): void => {
    stream.destroy();
    killTimer ??= setTimeout(() => {
      child.kill('SIGKILL');
    }, graceMs);
  };
  return { stream, ended, close };
}

/** Connects to a sensor that runs apart. @param path its unix socket */
export function connectSensor(path: string): SensorLink {
  const socket = createConnection(path);
  const ended = new Promise<string>((resolve) => {
    let reason = 'it closed the connection';
    socket.once('error', (error) => {
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
