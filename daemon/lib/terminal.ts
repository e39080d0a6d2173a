/**
 * Text for terminals. Process names, paths, peers and error texts are chosen by others, who could otherwise move the
 * cursor, hide text, change its direction or pretend to be another line.
 */

/**
 * Control and format characters (C0, C1, DEL, bidirectional controls, zero-width), line separators, lone surrogates,
 * private and unassigned code points, and the letters that are drawn as nothing.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u115f\u1160\u2800\u3164\uffa0\\]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function escapeCharacter(character: string): string {
  const named = NAMED[character];
  if (named !== undefined) {
    return named;
  }
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}

/** The text on one line, with everything that a terminal would not simply draw written as an escape. */
export function escapeForTerminal(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** As `UNSAFE`, without what JSON.stringify() escapes or writes itself: C0 and the backslash. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u115f\u1160\u2800\u3164\uffa0]/gu;

function escapeCodeUnits(character: string): string {
  return Array.from({ length: character.length }, (_unused, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}

/** @returns JSON of the same meaning, with everything that a terminal would not simply draw written as an escape. */
export function escapeJsonForTerminal(json: string): string {
  // Such characters occur inside of strings only, where an escape may stand for each of them.
  return json.replace(UNSAFE_IN_JSON, escapeCodeUnits);
}

const COMBINING = /^\p{M}$/u;
/** Wide and fullwidth blocks of UAX #11, without the fine print. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

function characterWidth(character: string): number {
  if (COMBINING.test(character)) {
    return 0;
  }
  return WIDE.test(character) ? 2 : 1;
}

/** Terminal columns of an escaped text. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
  }
  return width;
}

/** The text, or as much of it as fits in `width` columns, with `~` at the end in place of the rest. */
export function fitWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) {
    return text;
  }
  let fitted = '';
  let used = 0;
  for (const character of text) {
    used += characterWidth(character);
    if (used > width - 1) {
      break;
    }
    fitted += character;
  }
  return `${fitted}~`;
}

/** As {@link fitWidth}, with the `~` in the middle: the ends of an address and port say more than what is between them. */
export function fitWidthMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) {
    return text;
  }
  const characters = Array.from(text);
  const tailWidth = Math.floor((width - 1) / 2);
  let tail = '';
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    if (displayWidth(last + tail) > tailWidth) {
      break;
    }
    tail = last + tail;
  }
  return fitWidth(text, width - displayWidth(tail)) + tail;
}

/** As {@link fitWidth}, with the `~` in front: addresses of one network differ at their ends. */
export function fitWidthTail(text: string, width: number): string {
  if (displayWidth(text) <= width) {
    return text;
  }
  let tail = '';
  let left = width - 1;
  for (const character of Array.from(text).reverse()) {
    left -= characterWidth(character);
    if (left < 0) {
      break;
    }
    tail = character + tail;
  }
  return `~${tail}`;
}

/** Lines of at most `columns`, broken between words; only a word that is longer stands out. The text is escaped already. */
export function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

/** Colours, or none. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  reverse(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

function sgr(start: number, end: number, enabled: boolean): (text: string) => string {
  return (text) => (enabled ? `\x1b[${start}m${text}\x1b[${end}m` : text);
}

/** @param enabled false where the output is no terminal or NO_COLOR is set: see {@link wantsColor}. */
export function createStyle(enabled: boolean): Style {
  return {
    bold: sgr(1, 22, enabled),
    dim: sgr(2, 22, enabled),
    reverse: sgr(7, 27, enabled),
    red: sgr(31, 39, enabled),
    green: sgr(32, 39, enabled),
    yellow: sgr(33, 39, enabled),
  };
}

/** Colours only for a terminal that can do them, and not where NO_COLOR (https://no-color.org) is set. */
export function wantsColor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  const noColor = env['NO_COLOR'];
  return isTerminal && (noColor === undefined || noColor === '') && env['TERM'] !== 'dumb';
}
