/**
 * Deadlines by key, earliest first. A binary heap with lazy deletion: an entry of the heap counts only while the map
 * still holds the same time for its key.
 */
interface Item {
  readonly key: string;
  readonly timeUs: number;
}

/** Below this size stale items are not worth a rebuild. */
const REBUILD_MIN = 64;

export class DeadlineQueue {
  readonly #times = new Map<string, number>();
  #heap: Item[] = [];

  /** Sets or moves the deadline of `key`. */
  set(key: string, timeUs: number): void {
    if (this.#times.get(key) === timeUs) {
      return;
    }
    this.#times.set(key, timeUs);
    this.#push({ key, timeUs });
    if (this.#heap.length > REBUILD_MIN && this.#heap.length > 2 * this.#times.size) {
      this.#rebuild();
    }
  }

  delete(key: string): void {
    this.#times.delete(key);
  }

  /** @returns the earliest deadline, or null. */
  earliestUs(): number | null {
    return this.#top()?.timeUs ?? null;
  }

  /** Removes one deadline at or before `nowUs`. @returns its key, or null if there is none. */
  popDue(nowUs: number): string | null {
    const top = this.#top();
    if (top === undefined || top.timeUs > nowUs) {
      return null;
    }
    this.#times.delete(top.key);
    this.#removeTop();
    return top.key;
  }

  #top(): Item | undefined {
    let top = this.#heap[0];
    while (top !== undefined && this.#times.get(top.key) !== top.timeUs) {
      this.#removeTop();
      top = this.#heap[0];
    }
    return top;
  }

  #push(item: Item): void {
    let index = this.#heap.length;
    this.#heap.push(item);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || parent.timeUs <= item.timeUs) {
        break;
      }
      this.#heap[index] = parent;
      index = parentIndex;
    }
    this.#heap[index] = item;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) {
      return;
    }
    let index = 0;
    for (;;) {
      const childIndex = this.#earlierChild(index);
      const child = this.#heap[childIndex];
      if (child === undefined || child.timeUs >= last.timeUs) {
        break;
      }
      this.#heap[index] = child;
      index = childIndex;
    }
    this.#heap[index] = last;
  }

  #earlierChild(index: number): number {
    const left = 2 * index + 1;
    const leftTime = this.#heap[left]?.timeUs ?? Infinity;
    const rightTime = this.#heap[left + 1]?.timeUs ?? Infinity;
    return rightTime < leftTime ? left + 1 : left;
  }

  #rebuild(): void {
    this.#heap = [...this.#times].map(([key, timeUs]) => ({ key, timeUs })).sort((a, b) => a.timeUs - b.timeUs);
  }
}
