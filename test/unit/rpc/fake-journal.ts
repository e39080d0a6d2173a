/** A journal in memory, whose oldest changes can be forgotten. */
import { type ChangeJournal, type LogContent, type LogEntry, LogGapError } from '../../../daemon/core/history.js';

export class FakeJournal implements ChangeJournal {
  readonly run = '33333333-3333-4333-8333-333333333333';
  floor = 0;
  readonly #entries: LogEntry[] = [];

  get last(): number {
    return this.#entries.length;
  }

  append(timeUs: number, content: () => LogContent): number {
    this.#entries.push({ sequence: this.last + 1, timeUs, ...content() });
    return this.last;
  }

  cut(): void {
    this.floor = this.last;
  }

  reaches(run: string, sequence: number): boolean {
    return run === this.run && sequence >= this.floor && sequence <= this.last;
  }

  /** Two entries at a time. */
  async *read(after: number): AsyncGenerator<readonly LogEntry[]> {
    for (let position = after; position < this.last; position += 2) {
      await Promise.resolve();
      if (position < this.floor) {
        throw new LogGapError('gone');
      }
      yield this.#entries.slice(position, position + 2);
    }
  }
}
