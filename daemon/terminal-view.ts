/** What `stuckd run` shows a person: what is attached, what is watched, what is stuck; a few calm lines. */
import { diagnose } from './core/diagnosis.js';
import type { RecordChange, StatusReport, WallClock } from './core/ports.js';
import type { StuckRecord } from './core/record.js';
import { escapeForTerminal } from './lib/terminal.js';

function wallTime(realUs: number): string {
  return new Date(realUs / 1000).toTimeString().slice(0, 8);
}

/** An opened record waits this long for its owner, so that its line can name it. */
const OWNER_WAIT_MS = 300;
/** Lines about records within one period; what comes beyond is counted: nobody reads thousands of lines. */
const LINES_MAX = 20;
const PERIOD_MS = 2000;

export class TerminalView {
  readonly #clock: WallClock;
  readonly #write: (line: string) => void;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  #period: NodeJS.Timeout | null = null;
  #linesInPeriod = 0;
  #lastSummary = '';

  constructor(clock: WallClock, write: (line: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  /** A line with the time in front of it. */
  line(text: string): void {
    this.#write(`${wallTime(this.#clock.monoToRealUs(this.#clock.nowUs()))}  ${text}`);
  }

  change(change: RecordChange): void {
    const { record } = change;
    const isWaiting = this.#waiting.has(record.id);
    switch (change.kind) {
      case 'opened':
        if (record.ownerType === 'pending') {
          this.#awaitOwner(record);
        } else {
          this.#announce(record);
        }
        return;
      case 'updated':
        if (isWaiting && record.ownerType !== 'pending') {
          this.#announce(record);
        }
        return;
      case 'ended':
        if (isWaiting) {
          this.#announce({ ...record, outcome: null, endUs: null });
        }
        this.#recordLine('ended', record);
        return;
    }
  }

  /** One line about the whole, only when it says something new. */
  summary(status: StatusReport): void {
    if (status.sweep === null) {
      return;
    }
    const stuck = [...status.tracker.stuckByKind.values()].reduce((sum, count) => sum + count, 0);
    const watched = `watching ${status.sweep.connections} connections of ${status.sweep.processes} processes`;
    const text = `${watched}; ${stuck === 0 ? 'nothing is stuck' : `${stuck} stuck`}`;
    if (text !== this.#lastSummary) {
      this.#lastSummary = text;
      this.line(text);
    }
  }

  close(): void {
    for (const timer of this.#waiting.values()) {
      clearTimeout(timer);
    }
    this.#waiting.clear();
    clearTimeout(this.#period ?? undefined);
    this.#period = null;
  }

  #awaitOwner(record: StuckRecord): void {
    const timer = setTimeout(() => {
      this.#announce(record);
    }, OWNER_WAIT_MS);
    this.#waiting.set(record.id, timer);
  }

  #announce(record: StuckRecord): void {
    clearTimeout(this.#waiting.get(record.id));
    this.#waiting.delete(record.id);
    this.#recordLine('stuck', record);
  }

  #recordLine(what: 'stuck' | 'ended', record: StuckRecord): void {
    this.#period ??= setTimeout(() => {
      this.#endPeriod();
    }, PERIOD_MS);
    this.#linesInPeriod += 1;
    if (this.#linesInPeriod > LINES_MAX) {
      return;
    }
    const names = { wallTime: (us: number) => wallTime(this.#clock.monoToRealUs(us)) };
    const { summary } = diagnose(record, this.#clock.nowUs(), names);
    this.line(escapeForTerminal(`${what}  ${summary}  [${record.id}]`));
  }

  #endPeriod(): void {
    const left = this.#linesInPeriod - LINES_MAX;
    this.#period = null;
    this.#linesInPeriod = 0;
    if (left > 0) {
      this.line(`and ${left} more; "stuckctl list" shows what is stuck now`);
    }
  }
}
