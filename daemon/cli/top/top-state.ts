/** What `stuckctl top` remembers between keys: which screen, where on it, and what is to be seen. */

/** The columns of the overview, in their order: the key `s` goes to the next one. */
export const SORT_KEYS = ['process', 'peer', 'stuck', 'kind', 'oldest', 'ends in', 'unacked'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** A place in a list whose lines come and go: the line itself, and its number for when it is gone. */
export interface Cursor {
  readonly key: string | null;
  readonly index: number;
}

export type Screen =
  | { readonly name: 'rows'; readonly cursor: Cursor }
  | { readonly name: 'connections'; readonly rowKey: string; readonly title: string; readonly cursor: Cursor }
  | { readonly name: 'connection'; readonly id: string; readonly firstLine: number }
  | { readonly name: 'kinds'; readonly cursor: Cursor }
  | { readonly name: 'help'; readonly firstLine: number };

export interface TopState {
  /** From the overview to what is shown now. */
  readonly screens: readonly [Screen, ...Screen[]];
  readonly sort: SortKey;
  readonly isReversed: boolean;
  /** What a row has to contain; empty for anything. */
  readonly filter: string;
  /** The filter as it is being typed; null while it is not. */
  readonly typing: string | null;
  readonly hiddenKinds: ReadonlySet<string>;
  readonly isPaused: boolean;
  readonly isDone: boolean;
}

export const AT_TOP: Cursor = { key: null, index: 0 };

export const INITIAL_STATE: TopState = {
  screens: [{ name: 'rows', cursor: AT_TOP }],
  sort: 'oldest',
  isReversed: false,
  filter: '',
  typing: null,
  hiddenKinds: new Set(),
  isPaused: false,
  isDone: false,
};

export function shownScreen({ screens }: TopState): Screen {
  return screens[screens.length - 1] ?? screens[0];
}

/** @returns the number of the line in `keys`: where it is now, or what has taken its place; 0 in an empty list. */
export function cursorIndex({ key, index }: Cursor, keys: readonly string[]): number {
  const found = key === null ? -1 : keys.indexOf(key);
  return Math.max(0, found >= 0 ? found : Math.min(index, keys.length - 1));
}
