/** A child process that speaks in lines, and that cannot outlive its parent. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const STDERR_TAIL_CHARACTERS = 16_384;
const KEPT_LINES_MAX = 10_000;

export interface SpawnOptions {
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Removed from it. */
  readonly unsetEnv?: readonly string[];
  readonly cwd?: string;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Started with `startProcess`. Standard output is kept as lines, at most the last 10000 of them. */
export class ManagedProcess {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Resolves when the process has ended and all its output was read; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<(line: string) => void>();
  #stderrTail = '';
  #end: ProcessEnd | null = null;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, pid: number, argv: readonly string[]) {
    this.#child = child;
    this.pid = pid;
    this.argv = argv;
    // A line that is written while the process ends would raise EPIPE; the end itself is reported by `ended`.
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderrTail = (this.#stderrTail + chunk.toString()).slice(-STDERR_TAIL_CHARACTERS);
    });
    const reader = createInterface({ input: child.stdout, crlfDelay: Infinity });
    reader.on('line', (line) => {
      this.#takeLine(line);
    });
    const outputEnded = new Promise<void>((resolve) => reader.once('close', resolve));
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#end = { code, signal };
        void outputEnded.then(() => {
          resolve({ code, signal });
        });
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended; null while it runs. */
  get end(): ProcessEnd | null {
    return this.#end;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The last that it wrote to standard error. */
  get stderrTail(): string {
    return this.#stderrTail;
  }

  /**
   * Calls `listener` for each line from now on.
   * @returns a function that ends this.
   */
  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes one line to its standard input. */
  writeLine(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    // ChildProcess.kill does nothing once the process was reaped, so that a reused pid is never hit.
    this.#child.kill(signal);
  }

  /** Closes its input, asks it to end, and after `graceMs` ends it by force. */
  async stop(graceMs = 2000): Promise<ProcessEnd> {
    this.#child.stdin.end();
    this.kill('SIGTERM');
    const force = setTimeout(() => {
      this.kill('SIGKILL');
    }, graceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(force);
    }
  }

  #takeLine(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES_MAX) {
      this.#lines.shift();
    }
    for (const listener of this.#listeners) {
      listener(line);
    }
  }
}

/**
 * Starts a program. `setpriv --pdeathsig` lets the kernel end it when this process dies in whatever way, and a process
 * group of its own keeps a terminal's Ctrl-C away from it, so that the parent decides on the order of the ends.
 * @param prefix a command that runs the rest of its arguments, for example `['nsenter', '--net=...', '--']`.
 * @throws Error if the process cannot be created; a program that does not exist ends at once with 127.
 */
export function startProcess(
  argv: readonly string[],
  options: SpawnOptions & { readonly prefix?: readonly string[]; readonly deathSignal?: 'TERM' | 'KILL' } = {},
): ManagedProcess {
  const full = [...(options.prefix ?? []), 'setpriv', '--pdeathsig', options.deathSignal ?? 'KILL', '--', ...argv];
  const [file, ...args] = full;
  if (file === undefined || argv.length === 0) {
    throw new RangeError('an empty command');
  }
  const removed = new Set(options.unsetEnv);
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !removed.has(name)));
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...inherited, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  if (child.pid === undefined) {
    child.once('error', () => undefined);
    throw new Error(`${file} cannot be started; is it installed?`);
  }
  return new ManagedProcess(child, child.pid, argv);
}
