/** What the screen of `stuckctl top` needs of a terminal, so that tests can give it another one. */
import type { Size } from './line.js';

export interface TerminalEvents {
  /** Keys, as the terminal sends them. */
  input(text: string): void;
  resized(): void;
}

export interface Terminal {
  size(): Size;
  /** Takes the whole screen, and the keys before the shell would see them. */
  open(events: TerminalEvents): void;
  /** Resolves when the terminal has taken it, so that a slow one is written to less often. */
  write(text: string): Promise<void>;
  /** Gives the screen back as it was found. Again it does nothing. */
  close(): void;
}
