/**
 * What a subscriber that comes back has missed: read from the journal at its pace, until it has caught up with what happens
 * now. Nothing is queued for it meanwhile, since whatever happens is in the journal.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ChangeJournal, LogGapError } from '../core/history.js';
import type { Turnstile } from '../lib/turnstile.js';
import { FollowedItems, type WatchKind } from './followed-items.js';
import { parseLabel } from './history-label.js';

/** What of a filter is needed for what is on disk. */
export interface StoredFilter {
  readonly matchesAll: boolean;
  readonly matchesStored: (facts: string) => boolean;
}

/** @param kind what happened, as this subscriber sees it. */
export type DecodeChange<Change> = (payload: Uint8Array, kind: WatchKind) => Change;

/** Where a subscriber is in its stream. */
export interface WatchPlace<Change> {
  /** Sequence number of the newest change, also while that one is being told. */
  readonly position: () => number;
  /** The resume token of a place; empty where nothing can be resumed from it. */
  readonly token: (sequence: number) => string;
  /** What it missed since it was here before; null for a snapshot. */
  readonly backlog: WatchBacklog<Change> | null;
}

export class WatchBacklog<Change> {
  /** Resolves when a daemon that was restarted has its open items back; until then it tells nothing new. */
  readonly settled: Promise<void>;
  readonly #journal: ChangeJournal;
  readonly #filter: StoredFilter;
  readonly #decode: DecodeChange<Change>;
  readonly #readers: Turnstile;
  #position: number;
  #isClosed = false;
  #isSettled = false;
  #followed: FollowedItems | null = null;
  /** Items that the journal has spoken of. */
  readonly #seen = new Set<string>();
  /** Of these, those that opened before it begins, and do not match: whether they once did, nobody can tell. */
  readonly #uncertain = new Set<string>();
  #batches: AsyncIterator<Change[]> | null = null;

  /**
   * @param after sequence number of the last change that the subscriber has
   * @param readers who reads the journal at a time
   */
  constructor(
    journal: ChangeJournal,
    after: number,
    filter: StoredFilter,
    decode: DecodeChange<Change>,
    settled: Promise<void>,
    readers: Turnstile,
  ) {
    this.settled = settled.then(() => {
      this.#isSettled = true;
    });
    this.#journal = journal;
    this.#position = after;
    this.#filter = filter;
    this.#decode = decode;
    this.#readers = readers;
  }

  /** Sequence number of the last change that was looked at. */
  get position(): number {
    return this.#position;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** What the subscriber follows now; null before the first `next`. */
  get followed(): FollowedItems | null {
    return this.#followed;
  }

  /** Ends what is being read, soon. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * @returns changes, in order; none once it has caught up, or is closed
   * @throws LogGapError if there is no way to tell all that was missed
   */
  async next(): Promise<Change[]> {
    return this.#readers.pass(() => this.#nextChanges());
  }

  /** With a filter, it can read all that is on disk before there is anything to tell. */
  async #nextChanges(): Promise<Change[]> {
    this.#followed ??= await this.#followedBefore();
    while (this.#batches !== null || (!this.#isClosed && this.#position < this.#journal.last)) {
      this.#batches ??= this.#read(this.#followed);
      const batch = await this.#batches.next();
      if (batch.done === true) {
        this.#batches = null;
      } else if (batch.value.length > 0) {
        return batch.value;
      } else {
        await nextTurn();
      }
    }
    return [];
  }

  async *#read(followed: FollowedItems): AsyncGenerator<Change[]> {
    for await (const entries of this.#journal.read(this.#position)) {
      const changes: Change[] = [];
      for (const { sequence, label, payload } of entries) {
        const kind = this.#kindFor(followed, label);
        if (kind !== null) {
          changes.push(this.#decode(payload, kind));
        }
        this.#position = sequence;
      }
      yield changes;
      if (this.#isClosed) {
        return;
      }
    }
  }

  /** What it followed when it was cut off: the same rule, over what the journal has from before. */
  async #followedBefore(): Promise<FollowedItems> {
    if (this.#filter.matchesAll) {
      return new FollowedItems(null);
    }
    const followed = new FollowedItems([]);
    const { floor } = this.#journal;
    for await (const entries of this.#journal.read(floor)) {
      if (this.#isClosed) {
        break;
      }
      for (const { sequence, label } of entries) {
        if (sequence > this.#position) {
          return followed;
        }
        this.#kindFor(followed, label, true);
      }
      await nextTurn();
    }
    return followed;
  }

  #kindFor(followed: FollowedItems, text: string, isBefore = false): WatchKind | null {
    const label = parseLabel(text);
    if (label === null) {
      throw new LogGapError('a change was written by another version');
    }
    const { kind, id, facts } = label;
    if (this.#filter.matchesAll) {
      return kind;
    }
    const matches = this.#filter.matchesStored(facts);
    const isOlder = !this.#seen.has(id) && kind !== 'opened';
    this.#seen.add(id);
    if (isOlder && !matches) {
      this.#uncertain.add(id);
    }
    if (!matches && !isBefore && this.#uncertain.has(id)) {
      // If it did match, the subscriber follows it, and would never hear of it again.
      throw new LogGapError(`what was known of ${id} is not kept any more`);
    }
    const asSeen = followed.kindOf(kind, id, () => matches);
    // What is older than the journal and matches is, as far as anybody can tell, no news to the subscriber either.
    return isOlder && asSeen === 'opened' ? kind : asSeen;
  }
}
