/**
 * The changes of one stream, numbered, so that a subscriber can go on where it was cut off, also after a restart.
 *
 * A place is the run of the daemon (a UUID) and a sequence number. Subscribers get a change, and its place, before it is on
 * disk: waiting for the disk would make every change late, and one that hangs would stop them all. So a place can be newer
 * than what a killed daemon, or a machine without power, left on the disk. That is why the run belongs to it: each run
 * begins a file of its own, named for the number after the last one that its predecessor left. A place beyond that number
 * was lost, and is told from the changes that the new run gives the same numbers. Whoever comes with such a place takes a
 * new snapshot: nothing is missed silently and nothing is told twice.
 */
import { randomUUID } from 'node:crypto';
import type { ChangeJournal, LogContent, LogEntry } from '../core/history.js';
import { DurableLog, type LogOptions } from './durable-log.js';

export class Journal implements ChangeJournal {
  readonly run = randomUUID();
  readonly #log: DurableLog;

  constructor(options: Omit<LogOptions, 'owner'>) {
    this.#log = new DurableLog({ ...options, owner: this.run });
  }

  get last(): number {
    return this.#log.last;
  }

  get floor(): number {
    return this.#log.floor;
  }

  get log(): DurableLog {
    return this.#log;
  }

  /** @param visit gets what earlier runs left, oldest first. Never rejects. */
  async open(visit: (entry: LogEntry) => void): Promise<void> {
    await this.#log.open(visit);
  }

  append(timeUs: number, content: () => LogContent): number {
    return this.#log.append(timeUs, content);
  }

  cut(): void {
    this.#log.cut();
  }

  reaches(run: string, sequence: number): boolean {
    return sequence >= this.#log.floor && sequence <= this.#lastOf(run);
  }

  read(after: number): AsyncGenerator<readonly LogEntry[]> {
    return this.#log.read(after);
  }

  /** The newest change of a run that is known; -1 of a run that is not. */
  #lastOf(run: string): number {
    if (run === this.run) {
      return this.#log.last;
    }
    const { segments } = this.#log;
    const newest = segments.findLastIndex(({ owner }) => owner === run);
    const successor = newest === -1 ? undefined : segments[newest + 1];
    return (successor?.first ?? 0) - 1;
  }
}
