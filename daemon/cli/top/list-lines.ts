/** A list on the screen: a header, and as many lines as there is room for, around the one that is chosen. */
import { headerText, itemText, layoutColumns, type TopColumn } from './columns.js';
import { type Line, line, type Look } from './line.js';

export interface ShownList<Item> {
  readonly items: readonly Item[];
  readonly columns: readonly TopColumn<Item>[];
  /** Number of the line that is chosen. */
  readonly selected: number;
  readonly look: (item: Item) => Look;
  /** In place of an empty list. */
  readonly whenEmpty: string;
}

/** @returns how many items come before the first that is shown: the chosen one stays in the middle of a long list. */
export function firstShown(count: number, selected: number, room: number): number {
  return Math.max(0, Math.min(selected - Math.floor(room / 2), count - room));
}

/** @param lines that there is room for, with the header */
export function listLines<Item>(list: ShownList<Item>, columns: number, lines: number): readonly Line[] {
  const { items, selected } = list;
  if (items.length === 0) {
    return [line(''), line(`  ${list.whenEmpty}`)].slice(0, lines);
  }
  const sized = layoutColumns(list.columns, items, columns);
  const room = Math.max(1, lines - 1);
  const first = firstShown(items.length, selected, room);
  const shown = items.slice(first, first + room).map((item, offset) => {
    const isSelected = first + offset === selected;
    return line(itemText(item, sized, isSelected), isSelected ? 'selected' : list.look(item));
  });
  return [line(headerText(sized), 'bold'), ...shown];
}
