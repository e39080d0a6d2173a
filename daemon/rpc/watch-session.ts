/**
 * One subscriber of WatchStuckConnections: a snapshot, its end, then every change, in batches, at the pace of the client.
 *
 * A client that does not read must cost neither memory nor other subscribers' time. So little is in flight at once, the
 * queue behind it is bounded, and what does not fit is told: first updates of one record are folded into the newest, and
 * if that is not enough the queue is given up, the client gets `lost` and then a fresh snapshot.
 */
import Long from 'long';
import type { RecordChange, RecordSource } from '../core/ports.js';
import type { StuckRecord } from '../core/record.js';
import type { ConnectionFilter } from './connection-filter.js';
import type { stuckd } from './gen/stuckd.js';

type Change = stuckd.v1.Change.$Properties;

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
}

export const WATCH_LIMITS: WatchLimits = {
  // One read of the sensor's stream can carry thousands of changes before this session gets its turn.
  queueMax: 16_384,
  batchMax: 128,
  inFlightMax: 4,
  heartbeatMs: 15_000,
  slowMs: 30_000,
};

/** Where the responses go. */
export interface WatchSink {
  /** @param flushed called when flow control let the response go. */
  write(changes: Change[], flushed: () => void): void;
  /** The subscriber takes nothing. */
  tooSlow(): void;
  /** The session has a defect and cannot go on. */
  failed(error: unknown): void;
}

/** Records as messages; shared by all sessions, so that a change is mapped once. */
export interface WatchMapper {
  snapshotItem(record: StuckRecord): Change;
  /** @param kind what happened, as this subscriber sees it. */
  change(change: RecordChange, kind: RecordChange['kind']): Change;
  nowTime(): NonNullable<Change['time']>;
}

interface Queued {
  readonly change: RecordChange;
  readonly kind: RecordChange['kind'];
}

interface Snapshot {
  readonly records: readonly StuckRecord[];
  next: number;
}

/** Keeps of each record only the newest of its updates; what opened and what ended stays. */
function foldUpdates(queue: readonly Queued[]): Queued[] {
  const seen = new Set<string>();
  const kept: Queued[] = [];
  for (const queued of queue.toReversed()) {
    const { id } = queued.change.record;
    if (queued.kind === 'updated' && seen.has(id)) {
      continue;
    }
    seen.add(id);
    kept.push(queued);
  }
  return kept.reverse();
}

export class WatchSession {
  readonly #source: RecordSource;
  readonly #filter: ConnectionFilter;
  readonly #mapper: WatchMapper;
  readonly #sink: WatchSink;
  readonly #limits: WatchLimits;
  readonly #unsubscribe: () => void;
  #heartbeat: NodeJS.Timeout | null = null;
  #slow: NodeJS.Timeout | null = null;
  #turn: NodeJS.Immediate | null = null;
  #inFlight = 0;
  #closed = false;

  #queue: Queued[] = [];
  #snapshot: Snapshot | null;
  /** Changes that were given up; above 0 the client has yet to be told, and the queue stays empty. */
  #lost = 0;
  /** Ids that the subscriber knows of, where a filter makes a difference. */
  #known = new Set<string>();

  constructor(
    source: RecordSource,
    filter: ConnectionFilter,
    mapper: WatchMapper,
    sink: WatchSink,
    limits: WatchLimits = WATCH_LIMITS,
  ) {
    this.#source = source;
    this.#filter = filter;
    this.#mapper = mapper;
    this.#sink = sink;
    this.#limits = limits;
    this.#snapshot = this.#takeSnapshot();
    this.#unsubscribe = source.subscribe((change) => {
      this.#onChange(change);
    });
    this.#startHeartbeat();
    this.#schedule();
  }

  /** Ends the subscription; nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#heartbeat ?? undefined);
    clearTimeout(this.#slow ?? undefined);
    clearImmediate(this.#turn ?? undefined);
    this.#queue = [];
    this.#snapshot = null;
    this.#known.clear();
  }

  #takeSnapshot(): Snapshot {
    const open = this.#source.open();
    const records = this.#filter.matchesAll ? open.slice() : open.filter(this.#filter.matches);
    this.#known = this.#filter.matchesAll ? new Set() : new Set(records.map((record) => record.id));
    return { records, next: 0 };
  }

  /**
   * What a change is for this subscriber, or null if it is none. A record that matched once is followed to its end, even
   * when it stops matching; one that begins to match is opened for this subscriber, whatever it is for others.
   */
  #kindForSubscriber(change: RecordChange): RecordChange['kind'] | null {
    if (this.#filter.matchesAll) {
      return change.kind;
    }
    const { id } = change.record;
    if (this.#known.has(id)) {
      if (change.kind === 'ended') {
        this.#known.delete(id);
      }
      return change.kind;
    }
    if (!this.#filter.matches(change.record)) {
      return null;
    }
    if (change.kind === 'ended') {
      return 'ended';
    }
    this.#known.add(id);
    return 'opened';
  }

  #onChange(change: RecordChange): void {
    if (this.#closed) {
      return;
    }
    const kind = this.#kindForSubscriber(change);
    if (kind === null) {
      return;
    }
    if (this.#lost > 0) {
      this.#lost += 1;
      return;
    }
    this.#queue.push({ change, kind });
    if (this.#queue.length > this.#limits.queueMax) {
      this.#relieve();
    }
    this.#schedule();
  }

  #relieve(): void {
    this.#queue = foldUpdates(this.#queue);
    // Folding costs time in proportion to the queue; it is worth that only if it makes room for a while.
    if (this.#queue.length > this.#limits.queueMax / 2) {
      this.#lost = this.#queue.length;
      this.#queue = [];
      this.#snapshot = null;
    }
  }

  #pending(): boolean {
    return this.#lost > 0 || this.#snapshot !== null || this.#queue.length > 0;
  }

  /** Batches form by themselves: whatever happens in one turn of the event loop leaves together. */
  #schedule(): void {
    if (this.#closed || this.#turn !== null || this.#inFlight >= this.#limits.inFlightMax || !this.#pending()) {
      return;
    }
    this.#turn = setImmediate(() => {
      this.#turn = null;
      // One batch a turn: a long snapshot must not keep events and other clients waiting.
      try {
        this.#write(this.#nextBatch());
        this.#schedule();
      } catch (error) {
        this.close();
        this.#sink.failed(error);
      }
    });
  }

  #nextBatch(): Change[] {
    const batch: Change[] = [];
    const room = (): number => this.#limits.batchMax - batch.length;
    if (this.#lost > 0) {
      batch.push({ time: this.#mapper.nowTime(), lost: { count: Long.fromNumber(this.#lost, true) } });
      this.#lost = 0;
      this.#snapshot = this.#takeSnapshot();
    }
    const snapshot = this.#snapshot;
    if (snapshot !== null) {
      const end = Math.min(snapshot.next + room(), snapshot.records.length);
      for (const record of snapshot.records.slice(snapshot.next, end)) {
        batch.push(this.#mapper.snapshotItem(record));
      }
      snapshot.next = end;
      if (room() === 0) {
        return batch;
      }
      batch.push({ time: this.#mapper.nowTime(), snapshotEnd: { count: snapshot.records.length } });
      this.#snapshot = null;
    }
    for (const { change, kind } of this.#queue.splice(0, room())) {
      batch.push(this.#mapper.change(change, kind));
    }
    return batch;
  }

  #write(changes: Change[]): void {
    this.#inFlight += 1;
    this.#startHeartbeat();
    if (this.#inFlight === 1) {
      this.#startSlow();
    }
    this.#sink.write(changes, () => {
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
