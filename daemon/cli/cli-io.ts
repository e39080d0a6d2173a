/** What the commands need of the world outside, so that tests can give them another one. */
import type { Terminal } from './top/terminal.js';

export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True if standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; Infinity where the output is none. */
  readonly columns: number;
  /** The whole screen and the keys; null where input or output is no terminal. */
  readonly terminal: Terminal | null;
  /** Resolves when the text has left, so that a slow reader slows the command down. */
  write(text: string): Promise<void>;
  /** Progress and errors. */
  writeError(text: string): void;
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** From now on Ctrl-C aborts this signal in place of ending the process. */
  interruptSignal(): AbortSignal;
}

/** Exit codes of stuckctl; part of its contract. */
export const EXIT = { OK: 0, FAILED: 1, USAGE: 2, UNREACHABLE: 3, CHECK_FAILED: 4, PARTIAL: 5 } as const;

/** Wrong usage: said in one sentence, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
