/**
 * The ladder of a stuck connection, one step a line, by time: what was sent and not answered, now, what is left, and the
 * end. The bar of a line is the wait that follows: it grows by one character when the wait doubles.
 */
import { escapeForTerminal } from '../lib/terminal.js';
import { giveUpReasonName } from '../rpc/enum-mapping.js';
import { stuckd } from '../rpc/gen/stuckd.js';
import { isOrphan, timeMs, type Connection } from './connection-text.js';
import { durationText } from './quantity-text.js';

type Step = stuckd.v1.LadderStep.$Properties;

const { LadderStepKind, StuckKind } = stuckd.v1;

/** Lines before now, and after it; what is left out in the middle is counted. The steps nearest to now stay. */
const LINES_MAX = 9;
const FAR_LINES = 3;

/** A wait of this length has a bar of one character. */
const SHORTEST_WAIT_MS = 200;
const BAR_MAX = 24;

const TIME_WIDTH = 12;
const TEXT_WIDTH = 34;

interface Row {
  readonly atMs: number;
  readonly text: string;
  readonly bar: string;
}

interface Words {
  readonly title: string;
  readonly step: string;
}

/** @returns the ladder with its title, or nothing where there are no steps; 80 columns at most. */
export function ladderText(steps: readonly Step[], connection: Connection, nowMs: number): string {
  if (steps.length === 0) {
    return '';
  }
  const words = wordsFor(connection);
  const rows = rowsOf(steps, words.step, connection, nowMs);
  const before = rows.filter(({ atMs }) => atMs <= nowMs);
  const after = rows.filter(({ atMs }) => atMs > nowMs);
  const lines = [
    ...shortened(before, FAR_LINES).map((row) => lineOf(row, nowMs)),
    `${'now'.padStart(TIME_WIDTH)}  ${'-'.repeat(TEXT_WIDTH)}`,
    ...shortened(after, LINES_MAX - 1 - FAR_LINES).map((row) => lineOf(row, nowMs)),
  ];
  return `\n${words.title} (bar: the wait that follows; one more = is twice as long):\n${lines.join('\n')}\n`;
}

function wordsFor({ kind, probes, retransmits }: Connection): Words {
  if (kind === StuckKind.STUCK_KIND_KEEPALIVE_UNANSWERED) {
    return { title: 'Keepalive probes', step: 'probe' };
  }
  if (kind === StuckKind.STUCK_KIND_CONNECTING) {
    return { title: 'SYN retransmissions', step: 'SYN retransmission' };
  }
  return (retransmits ?? 0) === 0 && (probes ?? 0) > 0
    ? { title: 'Window probes', step: 'probe' }
    : { title: 'Retransmissions', step: 'retransmission' };
}

function rowsOf(steps: readonly Step[], noun: string, connection: Connection, nowMs: number): Row[] {
  const ends = steps.filter(({ kind }) => kind === LadderStepKind.LADDER_STEP_KIND_GIVE_UP);
  return steps.map((step, index) => {
    const atMs = timeMs(step.time) ?? nowMs;
    const following = steps[index + 1];
    const endIndex = ends.indexOf(step);
    const text = endIndex < 0 ? stepText(step, noun) : endText(endIndex === ends.length - 1, ends.length, connection);
    // Between steps that were left out there is no wait to be shown.
    const isNeighbour = following !== undefined && (following.ordinal ?? 0) <= (step.ordinal ?? 0) + 1;
    const bar = endIndex < 0 && isNeighbour ? barOf((timeMs(following.time) ?? atMs) - atMs) : '';
    return { atMs, text, bar };
  });
}

function stepText({ kind, ordinal }: Step, noun: string): string {
  const isPast = kind === LadderStepKind.LADDER_STEP_KIND_PAST;
  return `${noun} ${ordinal ?? 0}${isPast ? ', no answer' : ''}`;
}

function endText(isLast: boolean, count: number, connection: Connection): string {
  const { giveUp } = connection;
  // Nobody gets the error of an orphan.
  const error = isOrphan(connection) ? '' : ` with ${escapeForTerminal(giveUp?.expectedError ?? '')}`;
  const verb = isOrphan(connection) ? 'frees it' : 'gives up';
  if (!isLast) {
    return 'the kernel may end it from here on';
  }
  return `the kernel ${verb}${count > 1 ? ' by then' : ''}${error} (${giveUpReasonName(giveUp?.reason)})`;
}

function barOf(waitMs: number): string {
  const doublings = Math.round(Math.log2(Math.max(waitMs, SHORTEST_WAIT_MS) / SHORTEST_WAIT_MS));
  return '='.repeat(Math.min(1 + doublings, BAR_MAX));
}

/** @param head how many rows stay before the gap, if there has to be one */
function shortened(rows: readonly Row[], head: number): Row[] {
  if (rows.length <= LINES_MAX) {
    return [...rows];
  }
  const tail = LINES_MAX - 1 - head;
  const left = rows.length - head - tail;
  return [...rows.slice(0, head), { atMs: NaN, text: `... ${left} more`, bar: '' }, ...rows.slice(-tail)];
}

function lineOf({ atMs, text, bar }: Row, nowMs: number): string {
  return `${whenText(atMs, nowMs).padStart(TIME_WIDTH)}  ${text.padEnd(TEXT_WIDTH)}  ${bar}`.trimEnd();
}

function whenText(atMs: number, nowMs: number): string {
  if (Number.isNaN(atMs)) {
    return '';
  }
  return atMs <= nowMs ? `${durationText(nowMs - atMs)} ago` : `in ${durationText(atMs - nowMs)}`;
}
