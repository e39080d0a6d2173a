/**
 * Which records one subscriber of a watch follows. A record that matched its filter once is followed to its end, even when
 * it stops matching; one that begins to match is opened for this subscriber, whatever it is for others.
 */
import type { RecordChange } from '../core/ports.js';

export class FollowedRecords {
  /** Null: all of them, and no memory is needed. */
  readonly #ids: Set<string> | null;

  /** @param ids what the subscriber knows of; null if it follows everything */
  constructor(ids: Iterable<string> | null) {
    this.#ids = ids === null ? null : new Set(ids);
  }

  /** @returns what a change is for this subscriber, or null if it is none. */
  kindOf(kind: RecordChange['kind'], id: string, matches: () => boolean): RecordChange['kind'] | null {
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
