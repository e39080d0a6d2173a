/** The snapshot with which a watch begins. */
import type { WatchKind } from './followed-items.js';

/**
 * What there is and has yet to be told. What opens or changes meanwhile is put in its place: a client that lost track in a
 * storm would otherwise have to take the storm's changes behind every snapshot, and lose track again. What ends is told
 * behind the snapshot, for which it stays in it: nothing that happens after a watch has begun is passed over in silence.
 */
export class WatchSnapshot<Item extends { readonly id: string }> {
  readonly #waiting: Map<string, Item>;
  #told = 0;

  constructor(items: readonly Item[]) {
    this.#waiting = new Map(items.map((item) => [item.id, item]));
  }

  /** How many items were told. */
  get told(): number {
    return this.#told;
  }

  get isTold(): boolean {
    return this.#waiting.size === 0;
  }

  /** @returns false if the client must be told of this change behind the snapshot. */
  takeIn(item: Item, kind: WatchKind): boolean {
    const isTakenIn = kind === 'opened' || (kind === 'updated' && this.#waiting.has(item.id));
    if (isTakenIn) {
      this.#waiting.set(item.id, item);
    }
    return isTakenIn;
  }

  /** @returns the next items, at most `max`. */
  take(max: number): readonly Item[] {
    const items: Item[] = [];
    for (const [id, item] of this.#waiting) {
      if (items.length === max) {
        break;
      }
      items.push(item);
      this.#waiting.delete(id);
    }
    this.#told += items.length;
    return items;
  }
}
