/** A terminal that keeps what `stuckctl top` does with it. */
import type { Size } from '../../../../daemon/cli/top/line.js';
import type { Terminal, TerminalEvents } from '../../../../daemon/cli/top/terminal.js';

export class FakeTerminal implements Terminal {
  /** What happened to it, in order; frames that follow each other count once. */
  readonly story: string[] = [];
  events: TerminalEvents | null = null;
  /** What was written last to each line, with what comes before the text. */
  readonly #lines = new Map<number, string>();

  size(): Size {
    return { columns: 80, lines: 24 };
  }

  open(events: TerminalEvents): void {
    this.story.push('open');
    this.events = events;
  }

  write(bytes: string): Promise<void> {
    if (this.story.at(-1) !== 'frame') {
      this.story.push('frame');
    }
    // eslint-disable-next-line no-control-regex
    for (const [, row, text = ''] of bytes.matchAll(/\x1b\[(\d+);1H([^\x1b]*)/g)) {
      this.#lines.set(Number(row), text);
    }
    return Promise.resolve();
  }

  suspend(): void {
    this.story.push('suspend');
  }

  close(): void {
    this.story.push('close');
  }

  type(keys: string): void {
    this.events?.input(keys);
  }

  /** What it shows; true only of a session without colours. */
  get screen(): string {
    return [...this.#lines]
      .sort(([a], [b]) => a - b)
      .map(([, text]) => text)
      .join('\n');
  }
}
