/** Lines of the screen: plain text with one look, and cells side by side. */
import { displayWidth, fitWidth, fitWidthMiddle, type Style } from '../../lib/terminal.js';

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

/** A column of a list on the screen. */
export interface TopColumn<Item> {
  readonly header: string;
  /** Escaped. */
  readonly cell: (item: Item) => string;
  /**
   * Columns of the terminal. Numbers that run have a fixed width, so that nothing beside them moves; without one it is as
   * wide as its widest cell, as far as there is room.
   */
  readonly width?: number;
  readonly alignRight?: boolean;
  /** Where a long text is cut; default at the end. */
  readonly cut?: 'middle';
}

const GAP = ' ';
/** In front of each line, for the mark of the one that is chosen. */
const MARK_WIDTH = 2;
const FLEXIBLE_MIN = 6;

function widthOf(text: string): number {
  // Nearly all text is ASCII, and a list may be long.
  return /^[ -~]*$/.test(text) ? text.length : displayWidth(text);
}

function neededWidth<Item>({ header, cell, width }: TopColumn<Item>, items: readonly Item[]): number {
  return width ?? items.reduce((widest, item) => Math.max(widest, widthOf(cell(item))), header.length);
}

/**
 * @param items all of the list, not only those on the screen, so that scrolling moves nothing sideways.
 * @returns a width for each column; the widest flexible ones give way first, and keep {@link FLEXIBLE_MIN}.
 */
export function columnWidths<Item>(
  columns: readonly TopColumn<Item>[],
  items: readonly Item[],
  screenColumns: number,
): readonly number[] {
  const widths = columns.map((column) => neededWidth(column, items));
  const room = screenColumns - MARK_WIDTH - GAP.length * (columns.length - 1);
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - room; excess > 0; excess -= 1) {
    const flexible = widths.map((width, index) => (columns[index]?.width === undefined ? width : 0));
    const widest = Math.max(...flexible);
    if (widest <= FLEXIBLE_MIN) {
      break;
    }
    widths[flexible.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function cellText(text: string, width: number, { alignRight, cut }: TopColumn<never>): string {
  const fitted = cut === 'middle' ? fitWidthMiddle(text, width) : fitWidth(text, width);
  const padding = ' '.repeat(Math.max(0, width - widthOf(fitted)));
  return alignRight === true ? padding + fitted : fitted + padding;
}

export function headerText<Item>(columns: readonly TopColumn<Item>[], widths: readonly number[]): string {
  const cells = columns.map((column, index) => cellText(column.header, widths[index] ?? 0, column));
  return ' '.repeat(MARK_WIDTH) + cells.join(GAP);
}

export function itemText<Item>(
  item: Item,
  columns: readonly TopColumn<Item>[],
  widths: readonly number[],
  isSelected: boolean,
): string {
  const cells = columns.map((column, index) => cellText(column.cell(item), widths[index] ?? 0, column));
  return (isSelected ? '>' : '').padEnd(MARK_WIDTH) + cells.join(GAP);
}
