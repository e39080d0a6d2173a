/** What a key does to the state of `stuckctl top`. */
import type { Size } from './line.js';
import { noticeLines } from './notice.js';
import { bodyRoom, pageLines } from './room.js';
import { lastFirstLine } from './text-screens.js';
import type { Key, NamedKey } from './top-keys.js';
import {
  AT_TOP,
  type Cursor,
  cursorIndex,
  INITIAL_STATE,
  type Screen,
  shownScreen,
  SORT_KEYS,
  type TopState,
} from './top-state.js';
import { KIND_NAMES, listKeys, rowTitle, type TopData, visibleRows } from './top-view.js';

/** A filter is a word or two. */
const FILTER_MAX = 64;

function withScreen(state: TopState, screen: Screen): TopState {
  const [first, ...others] = state.screens;
  return { ...state, screens: others.length === 0 ? [screen] : [first, ...others.slice(0, -1), screen] };
}

function opened(state: TopState, screen: Screen): TopState {
  return { ...state, screens: [...state.screens, screen] };
}

/** Help and kinds lie over what is looked at, and never over each other. */
function laidOver(state: TopState, screen: Extract<Screen, { name: 'help' | 'kinds' }>): TopState {
  const shown = shownScreen(state).name;
  if (shown === screen.name) {
    return back(state);
  }
  return shown === 'help' || shown === 'kinds' ? withScreen(state, screen) : opened(state, screen);
}

function back(state: TopState): TopState {
  const [first, ...others] = state.screens;
  return { ...state, screens: [first, ...others.slice(0, -1)] };
}

/** What is known of the screen when the key is pressed. */
interface Place {
  readonly data: TopData;
  /** Of the lines of a list. */
  readonly keys: readonly string[];
  /** Between head and foot. */
  readonly body: Size;
}

/** @returns by how many lines; null for a key that does not move. */
function distance(key: Key, page: number): number | null {
  if ('typed' in key) {
    const typed: Readonly<Record<string, number>> = { j: 1, k: -1, g: -Infinity, G: Infinity };
    return typed[key.typed] ?? null;
  }
  const named: Partial<Readonly<Record<NamedKey, number>>> = {
    ...{ up: -1, down: 1, home: -Infinity, end: Infinity },
    ...{ 'page up': -page, 'page down': page },
  };
  return named[key.named] ?? null;
}

function movedCursor(cursor: Cursor, by: number, keys: readonly string[]): Cursor {
  const index = Math.max(0, Math.min(cursorIndex(cursor, keys) + by, keys.length - 1));
  return { key: keys[index] ?? null, index };
}

function moved(state: TopState, by: number, { data, keys, body }: Place): TopState {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows':
    case 'connections':
    case 'kinds':
      return withScreen(state, { ...screen, cursor: movedCursor(screen.cursor, by, keys) });
    case 'connection':
    case 'help': {
      const last = lastFirstLine(data, screen, body);
      return withScreen(state, { ...screen, firstLine: Math.max(0, Math.min(screen.firstLine + by, last)) });
    }
  }
}

function toggled(state: TopState, kind: string): TopState {
  const hiddenKinds = new Set(state.hiddenKinds);
  if (!hiddenKinds.delete(kind)) {
    hiddenKinds.add(kind);
  }
  return { ...state, hiddenKinds };
}

function entered(state: TopState, { data, keys }: Place): TopState {
  const screen = shownScreen(state);
  switch (screen.name) {
    case 'rows': {
      const row = visibleRows(data, state)[cursorIndex(screen.cursor, keys)];
      if (row === undefined) {
        return state;
      }
      const kept = withScreen(state, { ...screen, cursor: movedCursor(screen.cursor, 0, keys) });
      return opened(kept, { name: 'connections', rowKey: row.key, title: rowTitle(row), cursor: AT_TOP });
    }
    case 'connections': {
      const cursor = movedCursor(screen.cursor, 0, keys);
      const kept = withScreen(state, { ...screen, cursor });
      return cursor.key === null ? state : opened(kept, { name: 'connection', id: cursor.key, firstLine: 0 });
    }
    case 'kinds': {
      const kind = keys[cursorIndex(screen.cursor, keys)];
      return kind === undefined ? state : toggled(state, kind);
    }
    case 'connection':
      return state;
    case 'help':
      return back(state);
  }
}

/** Of the filter that is being typed; a key without an entry does nothing there. */
const TYPING: Partial<Readonly<Record<NamedKey, (state: TopState, typing: string) => TopState>>> = {
  enter: (state, typing) => ({ ...state, filter: typing.trim(), typing: null }),
  escape: (state) => ({ ...state, typing: null }),
  backspace: (state, typing) => ({ ...state, typing: Array.from(typing).slice(0, -1).join('') }),
  'clear line': (state) => ({ ...state, typing: '' }),
  interrupt: (state) => ({ ...state, isDone: true }),
};

/** While the filter is typed, letters are letters. */
function pressWhileTyping(state: TopState, key: Key, typing: string): TopState {
  if ('typed' in key) {
    return {
      ...state,
      typing: Array.from(typing + key.typed)
        .slice(0, FILTER_MAX)
        .join(''),
    };
  }
  return TYPING[key.named]?.(state, typing) ?? state;
}

/** On the way out of the overview is only `q`: what is typed without thinking must not end it. */
function pressEscape(state: TopState): TopState {
  return state.screens.length === 1 ? { ...state, filter: '' } : back(state);
}

/** Where nothing is typed; keys that move are not among them. */
const NAMED: Partial<Readonly<Record<NamedKey, (state: TopState, place: Place) => TopState>>> = {
  enter: entered,
  right: entered,
  escape: pressEscape,
  left: pressEscape,
  interrupt: (state) => ({ ...state, isDone: true }),
};

function pressLetter(state: TopState, letter: string, place: Place): TopState {
  const screen = shownScreen(state);
  switch (letter) {
    case 'q':
      return state.screens.length === 1 ? { ...state, isDone: true } : back(state);
    case 'p':
      return { ...state, isPaused: !state.isPaused };
    case '?':
      return laidOver(state, { name: 'help', firstLine: 0 });
    case 'f':
      return laidOver(state, { name: 'kinds', cursor: AT_TOP });
    case ' ':
      return screen.name === 'kinds' ? entered(state, place) : moved(state, pageLines(place.body.lines), place);
    case 'a':
      return screen.name === 'kinds' ? { ...state, hiddenKinds: new Set() } : state;
    case 'n':
      return screen.name === 'kinds' ? { ...state, hiddenKinds: new Set(KIND_NAMES) } : state;
    default:
      return screen.name === 'rows' ? pressInOverview(state, letter) : state;
  }
}

function pressInOverview(state: TopState, letter: string): TopState {
  switch (letter) {
    case 's':
      return {
        ...state,
        sort: SORT_KEYS[(SORT_KEYS.indexOf(state.sort) + 1) % SORT_KEYS.length] ?? INITIAL_STATE.sort,
      };
    case 'r':
      return { ...state, isReversed: !state.isReversed };
    case '/':
      return { ...state, typing: state.filter };
    default:
      return state;
  }
}

/** @param size of the whole screen */
export function pressKey(state: TopState, key: Key, data: TopData, size: Size): TopState {
  if (state.typing !== null) {
    return pressWhileTyping(state, key, state.typing);
  }
  const body: Size = { ...size, lines: bodyRoom(size, noticeLines(data, state, size).length) };
  const place: Place = { data, keys: listKeys(data, state), body };
  const by = distance(key, pageLines(body.lines));
  if (by !== null) {
    return moved(state, by, place);
  }
  return 'typed' in key ? pressLetter(state, key.typed, place) : (NAMED[key.named]?.(state, place) ?? state);
}
