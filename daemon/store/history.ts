/**
 * What is kept on disk of one stream, of which there can be several (connections, alerts): its changes, so that watches can
 * be resumed, and its items as they were when they ended. What they are is nobody's business here: labels and bytes.
 */
import { join } from 'node:path';
import type { LogEntry, StreamHistory } from '../core/history.js';
import { DurableLog, type LogOptions } from './durable-log.js';
import { Journal } from './journal.js';

export interface HistoryLimits {
  /** What is older leaves. */
  readonly maxAgeMs: number;
  /** Bytes of ended items. */
  readonly maxBytes: number;
  /** Bytes of changes. */
  readonly journalMaxBytes: number;
}

export interface HistoryLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/**
 * A storm of 50,000 changes fits. What waits is little more than the records themselves, most of which the tracker holds
 * anyway; they are encoded as they are written.
 */
const QUEUE_MAX = 65_536;

/** Ended items are told apart by nothing but their label: every run adds to the files of the one before. */
const ENDED_OWNER = '00000000-0000-0000-0000-000000000000';

export class History implements StreamHistory {
  readonly journal: Journal;
  readonly ended: DurableLog;
  readonly #name: string;
  readonly #log: HistoryLog;
  readonly #problems = new Map<string, string>();

  /**
   * @param directory of all streams
   * @param name of this one, as a directory and in messages
   */
  constructor(directory: string, name: string, limits: HistoryLimits, log: HistoryLog) {
    this.#name = name;
    this.#log = log;
    this.journal = new Journal(this.#options(join(directory, name, 'changes'), limits, limits.journalMaxBytes));
    const ended = this.#options(join(directory, name, 'ended'), limits, limits.maxBytes);
    this.ended = new DurableLog({ ...ended, owner: ENDED_OWNER });
  }

  /** What does not work and what follows from it, at most one sentence. */
  get problems(): readonly string[] {
    return [...new Set(this.#problems.values())];
  }

  /** Entries that were never written, since the disk did not take them. */
  get dropped(): number {
    return this.journal.log.counters.dropped + this.ended.counters.dropped;
  }

  async open(visit: (entry: LogEntry) => void): Promise<void> {
    await Promise.all([this.journal.open(visit), this.ended.open()]);
  }

  /** Other limits from now on. */
  setLimits({ maxAgeMs, maxBytes, journalMaxBytes }: HistoryLimits): void {
    this.journal.log.setBounds({ maxAgeMs, maxBytes: journalMaxBytes });
    this.ended.setBounds({ maxAgeMs, maxBytes });
  }

  async close(): Promise<void> {
    await Promise.all([this.journal.log.close(), this.ended.close()]);
  }

  #options(directory: string, { maxAgeMs }: HistoryLimits, maxBytes: number): Omit<LogOptions, 'owner'> {
    return {
      directory,
      maxAgeMs,
      maxBytes,
      queueMax: QUEUE_MAX,
      onNotice: (notice) => {
        this.#log.warn(`history of ${this.#name}: ${notice}`);
      },
      onProblem: (problem) => {
        this.#onProblem(directory, problem);
      },
    };
  }

  /** Both logs are on one disk as a rule: what stops both is said once. */
  #onProblem(directory: string, problem: string | null): void {
    const had = this.#problems.size > 0;
    if (problem === null) {
      this.#problems.delete(directory);
    } else {
      this.#problems.set(directory, this.#sentence(problem));
    }
    const has = this.#problems.size > 0;
    if (has && !had) {
      this.#log.error(`${this.#sentence(problem ?? '')}; this is tried again until it works`);
    } else if (had && !has) {
      this.#log.info(`the history of ${this.#name} is written again`);
    }
  }

  #sentence(problem: string): string {
    return (
      `the history of ${this.#name} is kept in memory only, and the oldest of it is dropped when there is too much, ` +
      `since it cannot be written: ${problem}`
    );
  }
}
