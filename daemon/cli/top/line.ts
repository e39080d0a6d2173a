/** Lines of the screen: plain text with one look. */
import type { Style } from '../../lib/terminal.js';

export type Look = 'plain' | 'bold' | 'dim' | 'alarm' | 'selected';

/** The text is escaped, and may be longer than the screen is wide. */
export interface Line {
  readonly text: string;
  readonly look: Look;
}

export interface Size {
  readonly columns: number;
  readonly lines: number;
}

export function line(text: string, look: Look = 'plain'): Line {
  return { text, look };
}

export function paint({ text, look }: Line, style: Style): string {
  switch (look) {
    case 'plain':
      return text;
    case 'bold':
      return style.bold(text);
    case 'selected':
      return style.reverse(text);
    case 'dim':
      return style.dim(text);
    case 'alarm':
      return style.red(text);
  }
}
