/** What a part of the benchmarks is given, and what it gives back. */
import type { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import type { BenchArguments } from './arguments.js';

/** One line of the table for people. All numbers in it are also among the part's figures. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  /** A peer or a limit that was measured in the same run; empty for a distribution. */
  readonly compared: string;
  /** How the two relate, with the words that say which way is better. */
  readonly ratio: string;
}

/** Figures as they appear in the JSON: numbers, named with their unit, in objects as deep as they need to be. */
export interface Figures {
  readonly [name: string]: number | Figures;
}

export interface PartResult {
  /** What was measured on, for example how many connections. */
  readonly title: string;
  readonly rows: readonly Row[];
  /** What does not fit into rows, as lines of text behind the table. */
  readonly details?: string;
  readonly figures: Figures;
  /** Figures that scripts find at the top of the JSON besides, under names that are part of the contract. */
  readonly headline?: Readonly<Record<string, number>>;
}

export interface PartContext {
  readonly arguments: BenchArguments;
  /** Released when the part ends, however it ends, last in first out. */
  readonly cleanup: CleanupStack;
  /** Tells a waiting person what happens. */
  readonly progress: (line: string) => void;
}

export interface Part {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** @throws Error whose message says what is missing or went wrong. */
  run(context: PartContext): Promise<PartResult>;
}
