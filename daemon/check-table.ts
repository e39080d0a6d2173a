/** The answer of `stuckd check` for a person: a line for each feature, in columns that fit the terminal. */
import { displayWidth, escapeForTerminal, wrapWords } from './lib/terminal.js';

/** One line of the answer; the keys are those of the JSON. */
export interface Feature {
  readonly name: string;
  readonly available: boolean;
  /** stuckd cannot run without it. */
  readonly required: boolean;
  /** How it works here; or why it does not, and what serves in its place. */
  readonly how: string;
  /** What stuckd cannot do without it. */
  readonly loss: string;
}

/** From this width on `loss` has a column of its own; below, only what is missing tells it. */
const WIDE_COLUMNS = 100;
const TEXT_WIDTH_MIN = 30;
const GAP = '  ';
const STANDINGS = { available: 'ok', missing: 'MISSING', dispensable: 'without' } as const;
const STANDING_WIDTH = STANDINGS.missing.length;

/** A text, and the columns that it may take. */
type Cell = readonly [text: string, width: number];

function standingOf({ available, required }: Feature): string {
  if (available) {
    return STANDINGS.available;
  }
  return required ? STANDINGS.missing : STANDINGS.dispensable;
}

/** Texts side by side, each going on below itself where it is longer than its cell. */
function sideBySide(cells: readonly Cell[]): string {
  const wrapped = cells.map(([text, width]) => wrapWords(text, width));
  const lines: string[] = [];
  for (let row = 0; wrapped.some(({ length }) => row < length); row += 1) {
    let line = '';
    for (const [column, [, width]] of cells.entries()) {
      const text = wrapped[column]?.[row] ?? '';
      const isLast = column === cells.length - 1;
      line += GAP + text + (isLast ? '' : ' '.repeat(Math.max(width - displayWidth(text), 0)));
    }
    lines.push(line.trimEnd());
  }
  return lines.join('\n');
}

/**
 * @param columns of the terminal; Infinity for no limit
 * @returns the lines, one for each feature, which may go on below itself
 */
export function featureTable(features: readonly Feature[], columns: number): readonly string[] {
  const nameWidth = Math.max(...features.map(({ name }) => displayWidth(escapeForTerminal(name))));
  const room = columns - STANDING_WIDTH - nameWidth - 3 * GAP.length;
  const head = (standing: string, name: string): readonly Cell[] => [
    [standing, STANDING_WIDTH],
    [escapeForTerminal(name), nameWidth],
  ];
  if (columns === Infinity || columns < WIDE_COLUMNS) {
    const width = Math.max(room, TEXT_WIDTH_MIN);
    return features.map((feature) => {
      const { name, available, how, loss } = feature;
      const text = available ? how : `${how}; lost without it: ${loss}`;
      return sideBySide([...head(standingOf(feature), name), [escapeForTerminal(text), width]]);
    });
  }
  const width = Math.floor((room - GAP.length) / 2);
  const wide = (standing: string, name: string, how: string, loss: string): string =>
    sideBySide([...head(standing, name), [escapeForTerminal(how), width], [escapeForTerminal(loss), width]]);
  return [
    wide('', 'feature', 'how it works here', 'what is lost without it'),
    ...features.map((feature) => wide(standingOf(feature), feature.name, feature.how, feature.loss)),
  ];
}
