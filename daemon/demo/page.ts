/** Lays the demo out: a clock, who speaks, what is said; on a terminal a last line that runs with the clock. */
import { fitWidth, type Style, wrapWords } from '../lib/terminal.js';

const WHO_COLUMNS = 15;
const INDENT = 2 + 5 + 2 + WHO_COLUMNS + 1;
const COLUMNS_MAX = 100;
const COLUMNS_MIN = 50;

export interface PageOptions {
  readonly write: (text: string) => void;
  /** Columns of the terminal. */
  readonly columns: number;
  /** A line that is written anew every second makes sense on a terminal only. */
  readonly runningClock: boolean;
  readonly style: Style;
}

export class Page {
  readonly #options: PageOptions;
  readonly #columns: number;
  #statusShown = false;

  constructor(options: PageOptions) {
    this.#options = options;
    this.#columns = Math.max(COLUMNS_MIN, Math.min(options.columns, COLUMNS_MAX));
  }

  heading(text: string): void {
    this.#print(
      `\n${wrapWords(text, this.#columns)
        .map((line) => this.#options.style.bold(line))
        .join('\n')}\n\n`,
    );
  }

  paragraph(text: string): void {
    const lines = wrapWords(text, this.#columns - 2).map((line) => `  ${line}`);
    this.#print(`${lines.join('\n')}\n`);
  }

  blank(): void {
    this.#print('\n');
  }

  /** @param who at most 15 columns. */
  line(clockMs: number, who: string, text: string): void {
    const [first = '', ...more] = wrapWords(text, this.#columns - INDENT);
    const { style } = this.#options;
    const name = who.padEnd(WHO_COLUMNS);
    const head = `  ${style.dim(clockOf(clockMs))}  ${who === 'stuckd' ? style.bold(name) : name} ${first}`;
    this.#print(`${[head, ...more.map((line) => `${' '.repeat(INDENT)}${line}`)].join('\n')}\n`);
  }

  /** Replaces the running line. Without a terminal it does nothing. */
  status(clockMs: number, text: string): void {
    if (this.#options.runningClock) {
      const line = fitWidth(`  ${clockOf(clockMs)}  ${text}`, this.#columns);
      this.#options.write(`\r\x1b[K${this.#options.style.dim(line)}`);
      this.#statusShown = true;
    }
  }

  /** Removes the running line. */
  clearStatus(): void {
    this.#print('');
  }

  #print(text: string): void {
    if (this.#statusShown) {
      this.#options.write('\r\x1b[K');
      this.#statusShown = false;
    }
    this.#options.write(text);
  }
}

/** Minutes and seconds, `01:05`. */
export function clockOf(clockMs: number): string {
  const seconds = Math.max(0, Math.floor(clockMs / 1000));
  const twoDigits = (value: number): string => value.toString().padStart(2, '0');
  return `${twoDigits(Math.floor(seconds / 60))}:${twoDigits(seconds % 60)}`;
}
