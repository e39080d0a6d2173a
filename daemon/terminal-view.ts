/** What `stuckd run` shows a person: what is attached, what is watched, what is stuck; a few calm lines. */
import { diagnose } from './core/diagnosis/diagnosis.js';
import type { RecordChange, StatusReport, WallClock } from './core/ports.js';
import type { StuckRecord } from './core/record.js';
import { escapeForTerminal, wrapWords } from './lib/terminal.js';

function wallTime(realUs: number): string {
  return new Date(realUs / 1000).toTimeString().slice(0, 8);
}

/** An opened record waits this long for its owner, so that its line can name it. */
const OWNER_WAIT_MS = 300;
/** Records told of within one period; what comes beyond is counted: nobody reads thousands of lines. */
const TOLD_MAX = 10;
const PERIOD_MS = 2000;
/** Narrower than this, a terminal may break the lines itself. */
const COLUMNS_MIN = 40;

export class TerminalView {
  readonly #clock: WallClock;
  readonly #write: (line: string) => void;
  readonly #columns: () => number;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  #period: NodeJS.Timeout | null = null;
  #toldInPeriod = 0;
  #lastSummary = '';

  /** @param columns of the terminal; Infinity for no limit. A person may make the window wider at any time. */
  constructor(clock: WallClock, write: (line: string) => void, columns: () => number) {
    this.#clock = clock;
    this.#write = write;
    this.#columns = columns;
  }

  /** A line with the time in front of it; what does not fit goes on below the text. The text is escaped already. */
  line(text: string): void {
    const time = `${wallTime(this.#clock.monoToRealUs(this.#clock.nowUs()))}  `;
    const [first = '', ...more] = wrapWords(text, Math.max(this.#columns() - time.length, COLUMNS_MIN));
    this.#write(time + first);
    for (const line of more) {
      this.#write(' '.repeat(time.length) + line);
    }
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
    const how = status.sensor.mode === 'polling' ? ' by polling (degraded)' : '';
    const watched = `watching ${status.sweep.connections} connections of ${status.sweep.processes} processes${how}`;
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
    this.#toldInPeriod += 1;
    if (this.#toldInPeriod > TOLD_MAX) {
      return;
    }
    const names = { wallTime: (us: number) => wallTime(this.#clock.monoToRealUs(us)) };
    const { summary } = diagnose(record, this.#clock.nowUs(), names);
    this.line(escapeForTerminal(`${what}  ${summary}  [${record.id}]`));
  }

  #endPeriod(): void {
    const left = this.#toldInPeriod - TOLD_MAX;
    this.#period = null;
    this.#toldInPeriod = 0;
    if (left > 0) {
      this.line(`and ${left} more; "stuckctl list" shows what is stuck now`);
    }
  }
}
