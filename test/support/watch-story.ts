/**
 * Holds a watch to its word: what it says must fit what it has said before. A record opens once, changes and ends while it
 * is open, and a socket has one open record at most. After a loss, or another beginning, a snapshot takes the place of all
 * that was said.
 */

/** What a story is about: a record as scripts see it. */
interface StoryRecord {
  readonly id: string;
  readonly netns: number;
  readonly cookie: string;
  readonly outcome?: string;
}

/** What a change of a watch is, by its field in the contract. */
export type StoryChange = 'snapshotItem' | 'opened' | 'updated' | 'ended';

export class WatchStory<Item extends StoryRecord> {
  /** What does not fit, in words; the first of many. */
  readonly contradictions: string[] = [];
  /** Changes of which the watch said that they were lost. */
  lost = 0;
  #open = new Map<string, Item>();
  /** What the snapshot that is being told has said so far; null: none is being told. */
  #snapshot: Map<string, Item> | null = null;
  readonly #ended = new Set<string>();

  /** The newest version of each record that is open, by its id. */
  get open(): ReadonlyMap<string, Item> {
    return this.#open;
  }

  takeLoss(count: number): void {
    this.lost += count;
  }

  takeSnapshotEnd(): void {
    this.#open = this.#snapshot ?? new Map<string, Item>();
    this.#snapshot = null;
    const sockets = new Set([...this.#open.values()].map(socketOf));
    this.#check(sockets.size === this.#open.size, `${this.#open.size} open records of ${sockets.size} sockets`);
  }

  take(kind: StoryChange, record: Item): void {
    const { id } = record;
    const open = this.#snapshot ?? this.#open;
    switch (kind) {
      case 'snapshotItem':
        this.#snapshot ??= new Map();
        this.#check(!this.#snapshot.has(id), `${id} is twice in a snapshot`);
        this.#check(!this.#ended.has(id), `${id} is in a snapshot after its end`);
        this.#snapshot.set(id, record);
        return;
      case 'opened':
        this.#check(!open.has(id) && !this.#ended.has(id), `${id} opened twice`);
        this.#check(record.outcome === undefined, `${id} opened with an outcome`);
        open.set(id, record);
        return;
      case 'updated':
        this.#check(open.has(id), `${id} was updated and is not open`);
        open.set(id, record);
        return;
      case 'ended':
        this.#check(open.delete(id), `${id} ended and was not open`);
        this.#check(record.outcome !== undefined, `${id} ended without an outcome`);
        this.#ended.add(id);
    }
  }

  #check(isTrue: boolean, problem: string): void {
    if (!isTrue && this.contradictions.length < 10) {
      this.contradictions.push(problem);
    }
  }
}

function socketOf({ netns, cookie }: StoryRecord): string {
  return `${netns}:${cookie}`;
}
