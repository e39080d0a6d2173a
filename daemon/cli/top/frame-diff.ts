/** What has to be written to turn one screen into the next. */
import { displayWidth, type Style } from '../../lib/terminal.js';
import { type Line, paint, type Size } from './line.js';

/** ECMA-48: ED, the whole screen. */
const CLEAR_SCREEN = '\x1b[2J';
/** EL, to the end of the line. */
const CLEAR_LINE = '\x1b[K';

export interface Frame {
  readonly size: Size;
  readonly lines: readonly Line[];
}

function isSame(a: Line | undefined, b: Line): boolean {
  return a?.text === b.text && a.look === b.look;
}

/** Some terminals take the last character away if the rest of a full line is cleared, so a full line is left alone. */
function lineBytes(row: number, line: Line, columns: number, style: Style): string {
  const rest = displayWidth(line.text) < columns ? CLEAR_LINE : '';
  return `\x1b[${(row + 1).toString()};1H${paint(line, style)}${rest}`;
}

/**
 * @param before what the terminal shows; null if that is not known.
 * @returns the bytes of the lines that differ; empty if none does.
 */
export function frameDiff(before: Frame | null, after: Frame, style: Style): string {
  const { columns, lines } = after.size;
  const known = before?.size.columns === columns && before.size.lines === lines ? before.lines : null;
  const changed = after.lines.map((one, row) =>
    known !== null && isSame(known[row], one) ? '' : lineBytes(row, one, columns, style),
  );
  return `${known === null ? CLEAR_SCREEN : ''}${changed.join('')}`;
}
