/** How the lines of the screen are shared out. */
import type { Size } from './line.js';

/** Below this there is no room for a list between head and foot. */
export const LINES_MIN = 6;
export const COLUMNS_MIN = 20;

/** Head, one line of totals, and the keys. */
const FRAME_LINES = 3;
/** The header of a list. */
const HEADER_LINES = 1;

/** Lines between head and foot. */
export function bodyRoom({ lines }: Size): number {
  return Math.max(0, lines - FRAME_LINES);
}

/** How far page up and page down go. */
export function pageLines(size: Size): number {
  return Math.max(1, bodyRoom(size) - HEADER_LINES);
}
