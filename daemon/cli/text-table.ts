/** Columns of text that fit a terminal: the least important ones give way first. */
import { displayWidth, fitWidth, fitWidthMiddle } from '../lib/terminal.js';

export interface Column<Row> {
  readonly header: string;
  /** Text of a cell, already escaped. */
  readonly cell: (row: Row) => string;
  readonly alignRight?: boolean;
  /** Columns with the highest number are dropped first where space is short; those without one stay. */
  readonly dropRank?: number;
  /** Where it may be cut if space is still short after that; without it, it stays whole. */
  readonly shrinkable?: 'end' | 'middle';
}

const GAP = '  ';
const SHRUNK_WIDTH_MIN = 8;

interface LaidOut {
  readonly cells: readonly string[];
  width: number;
  readonly alignRight: boolean;
  readonly dropRank: number;
  readonly shrinkable: 'end' | 'middle' | null;
}

function totalWidth(columns: readonly LaidOut[]): number {
  return columns.reduce((sum, column) => sum + column.width, 0) + GAP.length * Math.max(columns.length - 1, 0);
}

function fitColumns(all: readonly LaidOut[], width: number): LaidOut[] {
  let columns = [...all];
  while (totalWidth(columns) > width) {
    const rank = Math.max(...columns.map((column) => column.dropRank));
    if (rank === 0) {
      break;
    }
    columns = columns.filter((column) => column.dropRank !== rank);
  }
  // The widest loses most: half an IPv6 address less hurts less than a process name without its pid.
  for (let excess = totalWidth(columns) - width; excess > 0; excess -= 1) {
    const [widest] = columns.filter(({ shrinkable }) => shrinkable !== null).sort((a, b) => b.width - a.width);
    if (widest === undefined || widest.width <= SHRUNK_WIDTH_MIN) {
      break;
    }
    widest.width -= 1;
  }
  return columns;
}

/**
 * @param width columns of the terminal; Infinity for no limit.
 * @returns one line for the headers and one for each row, each with a newline.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string {
  const laidOut = columns.map((column): LaidOut => {
    const cells = [column.header, ...rows.map(column.cell)];
    return {
      cells,
      // Not Math.max(...widths): a call takes some 100,000 arguments at most, and a list may have more lines.
      width: cells.reduce((widest, cell) => Math.max(widest, displayWidth(cell)), 0),
      alignRight: column.alignRight ?? false,
      dropRank: column.dropRank ?? 0,
      shrinkable: column.shrinkable ?? null,
    };
  });
  const fitted = fitColumns(laidOut, width);
  let text = '';
  for (let line = 0; line <= rows.length; line += 1) {
    const cells = fitted.map((column) => {
      const fit = column.shrinkable === 'middle' ? fitWidthMiddle : fitWidth;
      const cell = fit(column.cells[line] ?? '', column.width);
      const padding = ' '.repeat(column.width - displayWidth(cell));
      return column.alignRight ? padding + cell : cell + padding;
    });
    text += `${cells.join(GAP).trimEnd()}\n`;
  }
  return text;
}
