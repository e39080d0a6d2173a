/** Cells side by side: how wide the columns of a list are, and what gives way where there is no room for all. */
import { displayWidth, fitWidth } from '../../lib/terminal.js';

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
  /** How a text that is too long is cut; default at its end. */
  readonly fit?: (text: string, width: number) => string;
  /** Gives way before any other, down to this width: its few words are still told apart there. */
  readonly shrinksTo?: number;
  /** Is left out where a text of another column would be cut else. */
  readonly isDispensable?: boolean;
}

/** A column, and how wide it is on this screen. */
export interface SizedColumn<Item> {
  readonly column: TopColumn<Item>;
  readonly width: number;
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

function excessOf<Item>(sized: readonly SizedColumn<Item>[], screenColumns: number): number {
  const taken = sized.reduce((sum, { width }) => sum + width, MARK_WIDTH + GAP.length * (sized.length - 1));
  return taken - screenColumns;
}

/** Those that have words to spare give way. */
function shrinkWords<Item>(sized: readonly SizedColumn<Item>[], screenColumns: number): readonly SizedColumn<Item>[] {
  let excess = excessOf(sized, screenColumns);
  return sized.map(({ column, width }) => {
    const given = Math.max(0, Math.min(excess, width - (column.shrinksTo ?? width)));
    excess -= given;
    return { column, width: width - given };
  });
}

/** Then the widest of the others, which keep {@link FLEXIBLE_MIN}. */
function shrinkWidest<Item>(sized: readonly SizedColumn<Item>[], screenColumns: number): readonly SizedColumn<Item>[] {
  const widths = sized.map(({ width }) => width);
  const isFlexible = sized.map(({ column }) => column.width === undefined && column.shrinksTo === undefined);
  for (let excess = excessOf(sized, screenColumns); excess > 0; excess -= 1) {
    const flexible = widths.map((width, index) => (isFlexible[index] === true ? width : 0));
    const widest = Math.max(...flexible);
    if (widest <= FLEXIBLE_MIN) {
      break;
    }
    widths[flexible.indexOf(widest)] = widest - 1;
  }
  return sized.map(({ column }, index) => ({ column, width: widths[index] ?? 0 }));
}

/**
 * Room goes to what tells lines apart: words that are known by their beginning give way first, then columns that can be
 * done without go, and only then names and addresses are cut.
 * @param items all of the list, not only those on the screen, so that scrolling moves nothing sideways.
 */
export function layoutColumns<Item>(
  columns: readonly TopColumn<Item>[],
  items: readonly Item[],
  screenColumns: number,
): readonly SizedColumn<Item>[] {
  const all = columns.map((column) => ({ column, width: neededWidth(column, items) }));
  const shrunk = shrinkWords(all, screenColumns);
  if (excessOf(shrunk, screenColumns) <= 0) {
    return shrunk;
  }
  const indispensable = all.filter(({ column }) => column.isDispensable !== true);
  return shrinkWidest(shrinkWords(indispensable, screenColumns), screenColumns);
}

function aligned(fitted: string, width: number, alignRight = false): string {
  const padding = ' '.repeat(Math.max(0, width - widthOf(fitted)));
  return alignRight ? padding + fitted : fitted + padding;
}

export function headerText<Item>(sized: readonly SizedColumn<Item>[]): string {
  const cells = sized.map(({ column, width }) => aligned(fitWidth(column.header, width), width, column.alignRight));
  return ' '.repeat(MARK_WIDTH) + cells.join(GAP);
}

export function itemText<Item>(item: Item, sized: readonly SizedColumn<Item>[], isSelected: boolean): string {
  const cells = sized.map(({ column, width }) => {
    const { cell, fit = fitWidth, alignRight } = column;
    return aligned(fit(cell(item), width), width, alignRight);
  });
  return (isSelected ? '>' : '').padEnd(MARK_WIDTH) + cells.join(GAP);
}
