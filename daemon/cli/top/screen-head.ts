/** The first lines of the screen: the daemon, what is wrong, and what there is to see. */
import { escapeForTerminal } from '../../lib/terminal.js';
import { clockText, countText, durationText } from '../quantity-text.js';
import { type Line, line } from './line.js';
import { shownScreen, type TopState } from './top-state.js';
import { type TopData, visibleRows } from './top-view.js';

/** What changes stands before the address, which may be long. The outage runs on while what is shown is paused. */
export function headLine({ address, link, nowMs, headMs }: TopData, { isPaused }: TopState): Line {
  const paused = isPaused ? '  PAUSED' : '';
  const lost = link.isLive ? '' : `  NOT CONNECTED for ${durationText(headMs - link.sinceMs)}`;
  const isCalm = link.isLive && !isPaused;
  return line(`stuckctl top  ${clockText(nowMs)}${paused}${lost}  ${address}`, isCalm ? 'bold' : 'alarm');
}

interface Counts {
  readonly stuck: number;
  readonly processes: number;
  readonly peers: number;
}

function countsOf(rows: TopData['rows']): Counts {
  return {
    stuck: rows.reduce((sum, { connections }) => sum + connections.length, 0),
    processes: new Set(rows.map(({ process }) => process)).size,
    peers: new Set(rows.map(({ peer }) => peer)).size,
  };
}

/** `8 of 199 stuck connections`; the same number twice is said once. */
function stuckText(data: TopData, { stuck }: Counts): string {
  const all = countsOf(data.rows).stuck;
  const more = data.leftOut === 0 ? '' : `, ${data.leftOut.toString()} more not shown`;
  return `${stuck === all ? '' : `${stuck.toString()} of `}${countText(all, 'stuck connection')}${more}`;
}

function totalsText(data: TopData, state: TopState): string {
  const shown = countsOf(visibleRows(data, state));
  const processes = `${shown.processes.toString()} process${shown.processes === 1 ? '' : 'es'}`;
  return `${stuckText(data, shown)}; ${processes}, ${countText(shown.peers, 'peer')}`;
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
