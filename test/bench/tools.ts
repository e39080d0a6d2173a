/** Builds the small C and BPF programs of the benchmarks, and talks to them in lines. */
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../daemon/demo/lab/command.js';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';
import { packageRoot } from '../support/package-root.js';
import { Mailbox } from './mailbox.js';

/** Compiles `source` unless `output` is newer. @param argv makes an output from a source */
async function build(name: string, source: string, argv: (output: string) => readonly string[]): Promise<string> {
  const output = join(packageRoot(), 'build/test-tools', name);
  if (existsSync(output) && statSync(output).mtimeMs > statSync(source).mtimeMs) {
    return output;
  }
  mkdirSync(join(packageRoot(), 'build/test-tools'), { recursive: true });
  // Two benchmarks may build at once: whoever is last puts a complete file in place.
  const fresh = `${output}.${process.pid}`;
  await runCommand(argv(fresh), { timeoutMs: 120_000 });
  renameSync(fresh, output);
  return output;
}

function sourcePath(file: string): string {
  return join(packageRoot(), 'test/bench', file);
}

/** @returns the path of the program made of test/bench/NAME.c */
export function buildProgram(name: string, libraries: readonly string[] = []): Promise<string> {
  const source = sourcePath(`${name}.c`);
  const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];
  return build(`bench-${name}`, source, (output) => ['gcc', ...flags, source, '-o', output, ...libraries]);
}

/** @returns the path of the BPF object made of test/bench/NAME.bpf.c */
export async function buildBpfObject(name: string): Promise<string> {
  const source = sourcePath(`${name}.bpf.c`);
  const machine = (await runCommand(['uname', '-m'])).trim();
  const flags = ['-g', '-O2', '-target', 'bpf', `-I/usr/include/${machine}-linux-gnu`];
  return build(`bench-${name}.bpf.o`, source, (output) => ['clang', ...flags, '-c', source, '-o', output]);
}

const ANSWER_TIMEOUT_MS = 30_000;

/** A program that answers each line with a line; one command at a time. */
export class LineTool {
  readonly process: ManagedProcess;
  readonly #name: string;
  readonly #answers: Mailbox<string>;

  constructor(process: ManagedProcess) {
    this.process = process;
    this.#name = process.argv.join(' ');
    this.#answers = new Mailbox(this.#name);
    process.onLine((line) => {
      this.#answers.put(line);
    });
    void process.ended.then(({ code, signal }) => {
      this.#answers.close(`it ended with ${signal ?? `status ${String(code)}`}: ${process.stderrTail.trim()}`);
    });
  }

  /**
   * Sends a command.
   * @returns the words of the answer after the first one, which must be `expected`.
   * @throws Error with what the program wrote to standard error, if it ends instead.
   */
  async command(line: string, expected: string, timeoutMs?: number): Promise<readonly string[]> {
    this.process.writeLine(line);
    return this.expect(expected, timeoutMs);
  }

  /** As `command`, for a line that comes by itself. */
  async expect(expected: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<readonly string[]> {
    const [word, ...rest] = (await this.#answers.take(timeoutMs)).split(' ');
    if (word !== expected) {
      throw new Error(`${this.#name} answered "${String(word)}", not "${expected}"`);
    }
    return rest;
  }
}
