/** The snapshot with which a watch begins. */
import type { WatchKind } from './followed-items.js';

/**
 * What there is and has yet to be told. What changes meanwhile is put in its place: a client that lost track in a storm
 * would otherwise have to take the storm's changes behind every snapshot, and lose track again. It never holds more than
 * what is open.
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

  /** @returns false if the client must be told of this change apart, since the item itself was told. */
  takeIn(item: Item, kind: WatchKind): boolean {
    if (kind !== 'opened' && !this.#waiting.has(item.id)) {
      return false;
    }
    if (kind === 'ended') {
      this.#waiting.delete(item.id);
    } else {
      this.#waiting.set(item.id, item);
    }
    return true;
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
