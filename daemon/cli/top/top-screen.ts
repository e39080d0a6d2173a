/** The whole screen of `stuckctl top`, line by line: state, data and size in, lines out. */
import { escapeForTerminal, fitWidth } from '../../lib/terminal.js';
import { clockText, countText, durationText } from '../quantity-text.js';
import { type Line, line, type Size } from './line.js';
import { textLines } from './text-screens.js';
import { bodyRoom, COLUMNS_MIN, LINES_MIN } from './room.js';
import { connectionsLines, kindsLines, rowsLines } from './top-lists.js';
import { shownScreen, type TopState } from './top-state.js';
import type { TopData } from './top-view.js';

function headLine({ address, link, nowMs }: TopData, { isPaused }: TopState): Line {
  const state = isPaused ? '  PAUSED' : '';
  if (!link.isLive) {
    const since = durationText(nowMs - link.sinceMs);
    return line(`stuckctl top  ${address}  NOT CONNECTED for ${since}, trying again: ${link.reason}`, 'alarm');
  }
  return line(`stuckctl top  ${clockText(nowMs)}  ${address}${state}`, isPaused ? 'alarm' : 'bold');
}

function totalsText({ rows, leftOut }: TopData): string {
  const stuck = rows.reduce((sum, { connections }) => sum + connections.length, 0);
  const processes = new Set(rows.map(({ process }) => process)).size;
  const peers = new Set(rows.map(({ peer }) => peer)).size;
  const more = leftOut === 0 ? '' : `, ${leftOut.toString()} more not shown`;
  const processText = `${processes.toString()} process${processes === 1 ? '' : 'es'}`;
  return `${countText(stuck, 'stuck connection')}${more}; ${processText}, ${countText(peers, 'peer')}`;
}

function filterText({ filter, hiddenKinds }: TopState): string {
  const words = filter === '' ? '' : `; filter: ${escapeForTerminal(filter)}`;
  return `${words}${hiddenKinds.size === 0 ? '' : `; ${countText(hiddenKinds.size, 'kind')} hidden`}`;
}

function sortText({ sort, isReversed }: TopState): string {
  return `; by ${sort}${isReversed ? ', reversed' : ''}`;
}

function secondLine(data: TopData, state: TopState): Line {
  const screen = shownScreen(state);
  const [problem] = data.problems;
  switch (screen.name) {
    case 'rows':
      return problem === undefined
        ? line(`${totalsText(data)}${sortText(state)}${filterText(state)}`)
        : line(`${totalsText(data)}${sortText(state)}${filterText(state)}; stuckd: ${problem}`, 'alarm');
    case 'connections':
      return line(`${screen.title}${filterText(state)}`);
    case 'connection':
      return line(`connection ${escapeForTerminal(screen.id)}`);
    case 'kinds':
      return line('Kinds that are shown');
    case 'help':
      return line('Help');
  }
}

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
  const room: Size = { columns: size.columns, lines: bodyRoom(size) };
  const body = bodyLines(data, state, room);
  const blank = Array.from({ length: room.lines - body.length }, () => line(''));
  return [headLine(data, state), secondLine(data, state), ...body, ...blank, footLine(state)].map((one) =>
    fitted(one, size.columns),
  );
}
