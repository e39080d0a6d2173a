/** The whole screen of `stuckctl top`, line by line: state, data and size in, lines out. */
import { escapeForTerminal, fitWidth } from '../../lib/terminal.js';
import { type Line, line, type Size } from './line.js';
import { noticeLines } from './notice.js';
import { bodyRoom, COLUMNS_MIN, LINES_MIN } from './room.js';
import { headLine, titleLine } from './screen-head.js';
import { textLines } from './text-screens.js';
import { connectionsLines, kindsLines, rowsLines } from './top-lists.js';
import { shownScreen, type TopState } from './top-state.js';
import type { TopData } from './top-view.js';

function bodyLines(data: TopData, state: TopState, size: Size): readonly Line[] {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows':
      return rowsLines(data, state, screen, size);
    case 'connections':
      return connectionsLines(data, state, screen, size);
    case 'kinds':
      return kindsLines(data, state, screen, size);
    case 'connection':
    case 'help':
      return textLines(data, screen, size);
  }
}

function keysText(state: TopState): string {
  switch (shownScreen(state).name) {
    case 'rows':
      return 'Enter connections  s sort  r reverse  / filter  f kinds  p pause  ? help  q quit';
    case 'connections':
      return 'Enter the connection in full  Esc back  f kinds  p pause  ? help';
    case 'connection':
      return 'up, down scroll  Esc back  p pause  ? help';
    case 'kinds':
      return 'Enter, space switch  a all  n none  Esc back';
    case 'help':
      return 'Esc back';
  }
}

function footLine(state: TopState): Line {
  return state.typing === null
    ? line(keysText(state), 'dim')
    : line(`/${escapeForTerminal(state.typing)}_  (Enter keeps, Esc drops)`, 'bold');
}

function fitted(one: Line, columns: number): Line {
  return { text: fitWidth(one.text, columns).trimEnd(), look: one.look };
}

/** @returns exactly as many lines as the screen has, none wider than it. */
export function topScreen(data: TopData, state: TopState, size: Size): readonly Line[] {
  if (size.lines < LINES_MIN || size.columns < COLUMNS_MIN) {
    const blank = Array.from({ length: Math.max(0, size.lines - 1) }, () => line(''));
    return [fitted(line('too small'), size.columns), ...blank].slice(0, size.lines);
  }
  const notice = noticeLines(data, state, size);
  const room: Size = { columns: size.columns, lines: bodyRoom(size, notice.length) };
  const body = bodyLines(data, state, room);
  const blank = Array.from({ length: room.lines - body.length }, () => line(''));
  const head = [headLine(data, state), ...notice, titleLine(data, state)];
  return [...head, ...body, ...blank, footLine(state)].map((one) => fitted(one, size.columns));
}
