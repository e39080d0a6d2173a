/**
 * Which items one subscriber of a watch follows. An item that matched its filter once is followed to its end, even when
 * it stops matching; one that begins to match is opened for this subscriber, whatever it is for others.
 */

/** What happened to an item. In these words an alert opens when it fires, and ends when it is resolved. */
export type WatchKind = 'opened' | 'updated' | 'ended';

export class FollowedItems {
  /** Null: all of them, and no memory is needed. */
  readonly #ids: Set<string> | null;

  /** @param ids what the subscriber knows of; null if it follows everything */
  constructor(ids: Iterable<string> | null) {
    this.#ids = ids === null ? null : new Set(ids);
  }

  /** @returns what a change is for this subscriber, or null if it is none. */
  kindOf(kind: WatchKind, id: string, matches: () => boolean): WatchKind | null {
    if (this.#ids === null) {
      return kind;
    }
    if (this.#ids.has(id)) {
      if (kind === 'ended') {
        this.#ids.delete(id);
      }
      return kind;
    }
    if (!matches()) {
      return null;
    }
    if (kind === 'ended') {
      return 'ended';
    }
    this.#ids.add(id);
    return 'opened';
  }
}
