/** The first lines of the screen: the daemon, what is wrong, and what there is to see. */
import { escapeForTerminal } from '../../lib/terminal.js';
import { clockText, countText, durationText } from '../quantity-text.js';
import { type Line, line } from './line.js';
import type { TopRow } from './top-rows.js';
import { shownScreen, type TopState } from './top-state.js';
import { type TopData, visibleRows } from './top-view.js';

/** What changes stands before the address, which may be long. The outage runs on while what is shown is paused. */
export function headLine({ address, link, nowMs, headMs }: TopData, { isPaused }: TopState): Line {
  const paused = isPaused ? '  PAUSED' : '';
  const lost = link.isLive ? '' : `  NOT CONNECTED for ${durationText(headMs - link.sinceMs)}`;
  const isCalm = link.isLive && !isPaused;
  return line(`stuckctl top  ${clockText(nowMs)}${paused}${lost}  ${address}`, isCalm ? 'bold' : 'alarm');
}

function stuckCount(rows: readonly TopRow[]): number {
  return rows.reduce((sum, { connections }) => sum + connections.length, 0);
}

/** `8 of 199 stuck connections; 2 processes, 1 peer`: what is shown, of all. */
function totalsText(data: TopData, state: TopState): string {
  const shown = visibleRows(data, state);
  const [stuck, all] = [stuckCount(shown), stuckCount(data.rows)];
  const share = stuck === all ? '' : `${stuck.toString()} of `;
  const more = data.leftOut === 0 ? '' : `, ${data.leftOut.toString()} more not shown`;
  const processes = new Set(shown.map(({ process }) => process)).size;
  const peers = new Set(shown.map(({ peer }) => peer)).size;
  const processText = `${processes.toString()} process${processes === 1 ? '' : 'es'}`;
  return `${share}${countText(all, 'stuck connection')}${more}; ${processText}, ${countText(peers, 'peer')}`;
}

function filterText({ filter, hiddenKinds }: TopState): string {
  const words = filter === '' ? '' : `; filter: ${escapeForTerminal(filter)}`;
  return `${words}${hiddenKinds.size === 0 ? '' : `; ${countText(hiddenKinds.size, 'kind')} hidden`}`;
}

function sortText({ sort, isReversed }: TopState): string {
  return `; by ${sort}${isReversed ? ', reversed' : ''}`;
}

/** What the screen is about. */
export function titleLine(data: TopData, state: TopState): Line {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows':
      return line(`${totalsText(data, state)}${filterText(state)}${sortText(state)}`);
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
