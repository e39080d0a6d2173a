/** How the lines of the screen are shared out. */
import type { Size } from './line.js';

/** Below this there is no room for a list between head and foot. */
export const LINES_MIN = 6;
export const COLUMNS_MIN = 20;

/** Head, one line of totals, and the keys. */
const FRAME_LINES = 3;
/** The header of a list. */
const HEADER_LINES = 1;
/** What is wrong is said in a sentence. */
const NOTICE_LINES_MAX = 2;

/** Lines that a notice may take: a list keeps its header and a line. */
export function noticeRoom({ lines }: Size): number {
  return Math.min(NOTICE_LINES_MAX, lines - FRAME_LINES - HEADER_LINES - 1);
}

/** Lines between head and foot, beside those of the notice. */
export function bodyRoom({ lines }: Size, noticeLineCount: number): number {
  return Math.max(0, lines - FRAME_LINES - noticeLineCount);
}

/** How far page up and page down go. */
export function pageLines(bodyLines: number): number {
  return Math.max(1, bodyLines - HEADER_LINES);
}
