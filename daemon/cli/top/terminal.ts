/** What the screen of `stuckctl top` needs of a terminal, so that tests can give it another one. */
import type { Size } from './line.js';

export interface TerminalEvents {
  /** Keys, as the terminal sends them. */
  input(text: string): void;
  /** What it showed is gone: it has another size, or was given away for a while. */
  blank(): void;
  /** Nobody looks at it any more. */
  hungUp(): void;
}

export interface Terminal {
  size(): Size;
  /** Takes the whole screen, and the keys before the shell would see them. */
  open(events: TerminalEvents): void;
  /** Resolves when the terminal has taken it, so that a slow one is written to less often. */
  write(text: string): Promise<void>;
  /** Gives it back and stops the job that this process is part of, until the shell goes on with it. */
  suspend(): void;
  /** Gives the screen back as it was found. Again it does nothing. */
  close(): void;
}
