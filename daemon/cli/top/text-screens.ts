/** The screens of `stuckctl top` that are text: one connection in full, and help. */
import { createStyle } from '../../lib/terminal.js';
import type { GetResponse } from '../../rpc/grpc-client.js';
import { formatConnectionPage } from '../connection-page.js';
import { type Line, line, type Size } from './line.js';
import type { Screen } from './top-state.js';
import type { TopData } from './top-view.js';

type TextScreen = Extract<Screen, { name: 'connection' | 'help' }>;

/** Each line has one look, which is given below. */
const NO_STYLE = createStyle(false);

const HELP = `Keys
  up, down, k, j   another line          home, end, g, G   first, last line
  page up, page down, space              by pages
  Enter, right     what is behind the line: the connections of a row, then one
                   of them in full
  Esc, left, q     back; q in the overview ends, and so does Ctrl-C anywhere
  s, r             sort by the next column to the right; the other way round
  /                filter: words that process, peer, kind, pod, container or
                   unit contain; Esc in the overview drops it
  f                which kinds are shown
  p                pause: nothing moves until the next p
  Ctrl-Z, Ctrl-L   back to the shell until fg; draw all of it again

Columns
  STUCK            connections of the process to the peer: stuck ones, of all
  OLDEST           how long the first of them has been stuck
  ENDS IN          when the kernel gives up the first of them; never: it will
                   not, or nobody knows when
  UNACKED          sent, and not acknowledged; where there is room for it
  What is for information only is dim.
`;

/** Headings are what begins at the margin and ends with a colon, or stands alone before what is indented. */
function lookOf(text: string): Line['look'] {
  return /^\S.*:$/.test(text) || /^[A-Z]\w+$/.test(text) ? 'bold' : 'plain';
}

function linesOf(text: string): readonly string[] {
  return text.trimEnd().split('\n');
}

function pageText(response: GetResponse, nowMs: number, { columns }: Size): string {
  return formatConnectionPage(response, '', nowMs, columns, NO_STYLE);
}

/** The text of the screen; null for a list, or while there is none. */
function textOf({ page, nowMs }: TopData, screen: Screen, size: Size): string | null {
  switch (screen.name) {
    case 'help':
      return HELP;
    case 'connection':
      return page?.id === screen.id && page.response !== null ? pageText(page.response, nowMs, size) : null;
    case 'rows':
    case 'connections':
    case 'kinds':
      return null;
  }
}

/** The first line of the last page of a text: further down there is nothing. */
export function lastFirstLine(data: TopData, screen: Screen, size: Size): number {
  return Math.max(0, linesOf(textOf(data, screen, size) ?? '').length - size.lines);
}

function noText({ page }: TopData, screen: TextScreen): readonly Line[] {
  const isAnswered = screen.name === 'connection' && page?.id === screen.id;
  return [line(''), isAnswered ? line(`  ${page.problem}`, 'alarm') : line('  asking stuckd ...', 'dim')];
}

/** The text from `firstLine` on, or its last page where that is too far: a text may have become shorter. */
export function textLines(data: TopData, screen: TextScreen, size: Size): readonly Line[] {
  const text = textOf(data, screen, size);
  if (text === null) {
    return noText(data, screen).slice(0, size.lines);
  }
  const first = Math.min(screen.firstLine, lastFirstLine(data, screen, size));
  return linesOf(text)
    .slice(first, first + size.lines)
    .map((one) => line(one, lookOf(one)));
}
