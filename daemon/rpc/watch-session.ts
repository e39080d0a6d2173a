/**
 * One subscriber of a watch, of stuck connections or of alerts: a snapshot, its end, then every change, in batches, at the
 * pace of the client.
 *
 * A client that does not read must cost neither memory nor other subscribers' time. So little is in flight at once, the
 * queue behind it is bounded, and what does not fit is told: first updates of one item are folded into the newest, and
 * if that is not enough the queue is given up, the client gets `lost` and then a fresh snapshot.
 */

import { LogGapError } from '../core/history.js';
import { FollowedItems, type WatchKind } from './followed-items.js';
import { foldUpdates, type QueuedChange } from './queued-change.js';
import type { WatchBacklog, WatchPlace } from './watch-backlog.js';
import { WatchSnapshot } from './watch-snapshot.js';

/** What a watch follows: items by their ids, and their changes. */
export interface WatchFeed<Item, Change> {
  /** What the snapshot consists of. */
  current(): readonly Item[];
  kindOf(change: Change): WatchKind;
  itemOf(change: Change): Item;
  /**
   * Calls `listener` for every change after this call, synchronously and in order.
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (change: Change) => void): () => void;
}

/** Which items a subscriber wants. */
export interface WatchFilter<Item> {
  /** True if every item matches. */
  readonly matchesAll: boolean;
  readonly matches: (item: Item) => boolean;
}

export interface WatchLimits {
  /** Changes that wait for one subscriber. */
  readonly queueMax: number;
  /** Changes in one response. */
  readonly batchMax: number;
  /** Responses that were written and have not left for the client. */
  readonly inFlightMax: number;
  /** An empty response is sent after this time without any. */
  readonly heartbeatMs: number;
  /** A subscriber that takes nothing for this long is ended. */
  readonly slowMs: number;
  /** One that does not even take how it was ended is cut off after this time. */
  readonly statusMs: number;
}

export const WATCH_LIMITS: WatchLimits = {
  // A storm of 50,000 changes fits, as in the history: what waits there and here is mostly the same.
  queueMax: 65_536,
  // With the longest labels and all holders some 9 KiB each: gRPC clients take 4 MiB.
  batchMax: 256,
  inFlightMax: 4,
  heartbeatMs: 15_000,
  slowMs: 30_000,
  statusMs: 5000,
};

/** Where the responses go. */
export interface WatchSink<Message> {
  /**
   * @param resumeToken where to go on after this response
   * @param flushed called when flow control let the response go.
   */
  write(changes: Message[], resumeToken: string, flushed: () => void): void;
  /** The subscriber takes nothing. */
  tooSlow(): void;
  /** The session has a defect and cannot go on. */
  failed(error: unknown): void;
  /** So many changes were given up. */
  lost(count: number): void;
}

/** Of a watch whose changes are not kept. */
export const NO_PLACE: WatchPlace<never> = { position: () => 0, token: () => '', backlog: null };

/** Items as messages; shared by all sessions, so that a change is mapped once. */
export interface WatchMapper<Item, Change, Message> {
  snapshotItem(item: Item): Message;
  snapshotEnd(count: number): Message;
  /** @param kind what happened, as this subscriber sees it. */
  change(change: Change, kind: WatchKind): Message;
  lost(count: number): Message;
}

export class WatchSession<Item extends { readonly id: string }, Change, Message> {
  readonly #feed: WatchFeed<Item, Change>;
  readonly #filter: WatchFilter<Item>;
  readonly #mapper: WatchMapper<Item, Change, Message>;
  readonly #sink: WatchSink<Message>;
  readonly #limits: WatchLimits;
  readonly #place: WatchPlace<Message>;
  #unsubscribe: () => void = () => undefined;
  #heartbeat: NodeJS.Timeout | null = null;
  #slow: NodeJS.Timeout | null = null;
  #isTurnDue = false;
  #immediate: NodeJS.Immediate | undefined;
  #inFlight = 0;
  #closed = false;

  #queue: QueuedChange<Change>[] = [];
  #snapshot: WatchSnapshot<Item> | null = null;
  #backlog: WatchBacklog<Message> | null;
  #isReadingBacklog = false;
  /** Changes that were given up; above 0 the client has yet to be told, and the queue stays empty. */
  #lost = 0;
  #followed = new FollowedItems(null);

  constructor(
    feed: WatchFeed<Item, Change>,
    filter: WatchFilter<Item>,
    mapper: WatchMapper<Item, Change, Message>,
    sink: WatchSink<Message>,
    limits: WatchLimits = WATCH_LIMITS,
    place: WatchPlace<Message> = NO_PLACE,
  ) {
    this.#feed = feed;
    this.#filter = filter;
    this.#mapper = mapper;
    this.#sink = sink;
    this.#limits = limits;
    this.#place = place;
    this.#backlog = place.backlog;
    if (this.#backlog === null) {
      this.#snapshot = this.#takeSnapshot();
      this.#subscribe();
    }
    this.#startHeartbeat();
    this.#schedule();
  }

  /** Ends the subscription; nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#heartbeat ?? undefined);
    clearTimeout(this.#slow ?? undefined);
    clearImmediate(this.#immediate);
    this.#queue = [];
    this.#snapshot = null;
    this.#backlog?.close();
    this.#backlog = null;
  }

  #subscribe(): void {
    this.#unsubscribe = this.#feed.subscribe((change) => {
      this.#onChange(change);
    });
  }

  #takeSnapshot(): WatchSnapshot<Item> {
    const current = this.#feed.current();
    const items = this.#filter.matchesAll ? current : current.filter(this.#filter.matches);
    this.#followed = new FollowedItems(this.#filter.matchesAll ? null : items.map(({ id }) => id));
    return new WatchSnapshot(items);
  }

  #onChange(change: Change): void {
    if (this.#closed) {
      return;
    }
    const item = this.#feed.itemOf(change);
    const kind = this.#followed.kindOf(this.#feed.kindOf(change), item.id, () => this.#filter.matches(item));
    if (kind === null) {
      return;
    }
    if (this.#lost > 0) {
      this.#giveUp(1);
      return;
    }
    if (this.#snapshot?.takeIn(item, kind) === true) {
      return; // a turn is scheduled as long as there is a snapshot
    }
    this.#queue.push({ change, id: item.id, kind, sequence: this.#place.position() });
    if (this.#queue.length > this.#limits.queueMax) {
      this.#relieve();
    }
    this.#scheduleNews();
  }

  #relieve(): void {
    this.#queue = foldUpdates(this.#queue);
    // Folding costs time in proportion to the queue; it is worth that only if it makes room for a while.
    if (this.#queue.length > this.#limits.queueMax / 2) {
      this.#giveUp(this.#queue.length);
      this.#queue = [];
      this.#snapshot = null;
    }
  }

  #pending(): boolean {
    if (this.#backlog !== null) {
      return !this.#isReadingBacklog;
    }
    return this.#lost > 0 || this.#snapshot !== null || this.#queue.length > 0;
  }

  /** Other work has its turn before each batch: a long snapshot must not keep events and other clients waiting. */
  #schedule(): void {
    if (this.#isDue()) {
      this.#isTurnDue = true;
      this.#immediate = setImmediate(() => {
        this.#takeTurn();
      });
    }
  }

  /**
   * Batches form by themselves: whatever happens in one piece of work leaves together, as soon as it is done. In the next turn
   * of the event loop it would leave after history and alerts have had theirs, some 0.3 ms later.
   */
  #scheduleNews(): void {
    if (this.#isDue()) {
      this.#isTurnDue = true;
      queueMicrotask(() => {
        this.#takeTurn();
      });
    }
  }

  #isDue(): boolean {
    return !this.#closed && !this.#isTurnDue && this.#inFlight < this.#limits.inFlightMax && this.#pending();
  }

  #takeTurn(): void {
    this.#isTurnDue = false;
    if (this.#closed) {
      return;
    }
    if (this.#backlog !== null) {
      void this.#catchUp(this.#backlog);
      return;
    }
    try {
      this.#write(this.#nextBatch());
      this.#schedule();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.close();
    this.#sink.failed(error);
  }

  /** One batch of what was missed; after the last one it goes on with what happens now. */
  async #catchUp(backlog: WatchBacklog<Message>): Promise<void> {
    this.#isReadingBacklog = true;
    try {
      if (backlog.followed === null) {
        // Reading can take long: that the place was accepted is told at once, and heartbeats follow until there is news.
        this.#write([]);
      }
      const changes = await backlog.next();
      if (this.#closed) {
        return;
      }
      if (changes.length > 0) {
        this.#write(changes);
      } else if (!backlog.isSettled) {
        await backlog.settled;
      } else if (backlog.position === this.#place.position()) {
        this.#backlog = null;
        this.#followed = backlog.followed ?? this.#followed;
        this.#subscribe();
        // An empty response: nothing more was missed.
        this.#write([]);
      }
    } catch (error) {
      this.#onBacklogError(backlog, error);
    } finally {
      this.#isReadingBacklog = false;
      this.#schedule();
    }
  }

  #onBacklogError(backlog: WatchBacklog<Message>, error: unknown): void {
    if (this.#closed) {
      return;
    }
    if (!(error instanceof LogGapError)) {
      this.#fail(error);
      return;
    }
    // It was too slow, or the disk failed: what it has missed is told as such.
    this.#giveUp(Math.max(1, this.#place.position() - backlog.position));
    this.#backlog = null;
    this.#subscribe();
  }

  /** The client will be told how many, and then what there is. */
  #giveUp(count: number): void {
    this.#lost += count;
    this.#sink.lost(count);
  }

  /** The token of what was written so far; none while a snapshot is under way, from which nobody can go on. */
  #resumeToken(): string {
    if (this.#lost > 0 || this.#snapshot !== null) {
      return '';
    }
    const next = this.#queue[0];
    return this.#place.token(
      this.#backlog?.position ?? (next === undefined ? this.#place.position() : next.sequence - 1),
    );
  }

  #nextBatch(): Message[] {
    const batch: Message[] = [];
    const room = (): number => this.#limits.batchMax - batch.length;
    if (this.#lost > 0) {
      batch.push(this.#mapper.lost(this.#lost));
      this.#lost = 0;
      this.#snapshot = this.#takeSnapshot();
    }
    const snapshot = this.#snapshot;
    if (snapshot !== null) {
      for (const item of snapshot.take(room())) {
        batch.push(this.#mapper.snapshotItem(item));
      }
      if (!snapshot.isTold || room() === 0) {
        return batch;
      }
      batch.push(this.#mapper.snapshotEnd(snapshot.told));
      this.#snapshot = null;
    }
    for (const { change, kind } of this.#queue.splice(0, room())) {
      batch.push(this.#mapper.change(change, kind));
    }
    return batch;
  }

  #write(changes: Message[]): void {
    this.#inFlight += 1;
    this.#startHeartbeat();
    if (this.#inFlight === 1) {
      this.#startSlow();
    }
    this.#sink.write(changes, this.#resumeToken(), () => {
      this.#onFlushed();
    });
  }

  #onFlushed(): void {
    if (this.#closed) {
      return;
    }
    this.#inFlight -= 1;
    clearTimeout(this.#slow ?? undefined);
    if (this.#inFlight > 0) {
      this.#startSlow();
    }
    this.#schedule();
  }

  #startSlow(): void {
    this.#slow = setTimeout(() => {
      this.close();
      this.#sink.tooSlow();
    }, this.#limits.slowMs);
  }

  #startHeartbeat(): void {
    clearTimeout(this.#heartbeat ?? undefined);
    this.#heartbeat = setTimeout(() => {
      this.#beat();
    }, this.#limits.heartbeatMs);
  }

  #beat(): void {
    if (this.#inFlight === 0 && !this.#pending()) {
      this.#write([]);
    } else {
      this.#startHeartbeat();
    }
  }
}
