/** Bytes of a terminal as keys. */

export type NamedKey =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'page up'
  | 'page down'
  | 'home'
  | 'end'
  | 'enter'
  | 'escape'
  | 'backspace'
  | 'interrupt'
  | 'clear line'
  | 'redraw'
  | 'suspend';

export type Key = { readonly named: NamedKey } | { readonly typed: string };

export interface DecodedKeys {
  readonly keys: readonly Key[];
  /** The beginning of a sequence whose end has not come yet. */
  readonly rest: string;
}

const ESCAPE = '\x1b';

/** ECMA-48 5.4: parameter bytes, intermediate bytes, a final byte; or SS3 and one byte, as keypads in application mode send. */
// eslint-disable-next-line no-control-regex
const SEQUENCE = /^\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])/;
/** As much of one as may still become one. No key sends more than this. */
// eslint-disable-next-line no-control-regex
const BEGINNING = /^\x1b(?:\[[0-?]{0,16}[ -/]{0,4}|O)?$/;

const SEQUENCES: ReadonlyMap<string, NamedKey> = new Map([
  ['A', 'up'],
  ['B', 'down'],
  ['C', 'right'],
  ['D', 'left'],
  ['H', 'home'],
  ['F', 'end'],
  ['1~', 'home'],
  ['4~', 'end'],
  ['7~', 'home'],
  ['8~', 'end'],
  ['5~', 'page up'],
  ['6~', 'page down'],
]);

const CONTROLS: ReadonlyMap<string, NamedKey> = new Map([
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\x7f', 'backspace'],
  ['\b', 'backspace'],
  ['\x03', 'interrupt'],
  ['\x15', 'clear line'],
  ['\x0c', 'redraw'],
  ['\x1a', 'suspend'],
  [ESCAPE, 'escape'],
]);

/** @param text what came, after the rest of the last time. Keys that mean nothing here are left out. */
export function decodeKeys(text: string): DecodedKeys {
  const keys: Key[] = [];
  let left = text;
  while (left !== '') {
    if (BEGINNING.test(left)) {
      return { keys, rest: left };
    }
    const sequence = SEQUENCE.exec(left)?.[0];
    const taken = sequence ?? String.fromCodePoint(left.codePointAt(0) ?? 0);
    left = left.slice(taken.length);
    const named = sequence === undefined ? CONTROLS.get(taken) : SEQUENCES.get(sequence.slice(2));
    if (named !== undefined) {
      keys.push({ named });
    } else if (sequence === undefined && taken >= ' ') {
      keys.push({ typed: taken });
    }
  }
  return { keys, rest: '' };
}

/** Nothing more came for a while: the rest is the key Escape, and what was typed after it. */
export function decodeRest(rest: string): readonly Key[] {
  return rest === '' ? [] : [{ named: 'escape' }, ...decodeKeys(rest.slice(1)).keys];
}
