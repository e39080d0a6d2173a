/** What is wrong between the daemon and the screen, in words: on every screen, and in lines that nothing else is on. */
import { fitWidth, wrapWords } from '../../lib/terminal.js';
import { type Line, line, type Size } from './line.js';
import { noticeRoom } from './room.js';
import { shownScreen, type TopState } from './top-state.js';
import type { TopData } from './top-view.js';

function problemsText(problems: readonly string[]): string {
  const [first = ''] = problems;
  return problems.length === 1 ? `stuckd: ${first}` : `stuckd has ${problems.length.toString()} problems: ${first}`;
}

/** The gravest alone; empty if there is nothing to say. */
function noticeText({ link, page, problems }: TopData, state: TopState): string {
  const screen = shownScreen(state);
  if (!link.isLive) {
    return `trying again: ${link.reason}`;
  }
  // Without an answer the page says so itself.
  if (screen.name === 'connection' && page?.id === screen.id && page.response !== null && page.problem !== '') {
    return `not up to date: ${page.problem}`;
  }
  return problems.length === 0 ? '' : problemsText(problems);
}

export function noticeLines(data: TopData, state: TopState, size: Size): readonly Line[] {
  const text = noticeText(data, state);
  const wrapped = text === '' ? [] : wrapWords(text, size.columns);
  const room = noticeRoom(size);
  const rest = wrapped.slice(room - 1).join(' ');
  const lines = wrapped.length <= room ? wrapped : [...wrapped.slice(0, room - 1), fitWidth(rest, size.columns)];
  return lines.map((one) => line(one, 'alarm'));
}
