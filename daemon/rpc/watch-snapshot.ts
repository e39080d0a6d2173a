/** The snapshot with which a watch begins. */
import type { WatchKind } from './followed-items.js';

/**
 * What there is, while it is being told. What changes meanwhile is put in its place, unless it was told already: a client
 * that lost track in a storm would otherwise have to take the storm's changes behind every snapshot, and lose track again.
 */
export class WatchSnapshot<Item extends { readonly id: string }> {
  /** null: it ended before it was told. */
  readonly #items: (Item | null)[];
  readonly #places: Map<string, number>;
  #next = 0;
  #told = 0;

  constructor(items: readonly Item[]) {
    this.#items = [...items];
    this.#places = new Map(items.map(({ id }, place) => [id, place]));
  }

  /** How many items were told. */
  get told(): number {
    return this.#told;
  }

  get isTold(): boolean {
    return this.#next === this.#items.length;
  }

  /** @returns false if the client must be told of this change apart. */
  takeIn(item: Item, kind: WatchKind): boolean {
    const place = this.#places.get(item.id) ?? (kind === 'opened' ? this.#items.length : -1);
    if (place < this.#next) {
      return false;
    }
    this.#places.set(item.id, place);
    this.#items[place] = kind === 'ended' ? null : item;
    return true;
  }

  /** @returns the next items, at most `max`. */
  take(max: number): readonly Item[] {
    const end = Math.min(this.#next + max, this.#items.length);
    const items = this.#items.slice(this.#next, end).filter((item) => item !== null);
    this.#next = end;
    this.#told += items.length;
    return items;
  }
}
