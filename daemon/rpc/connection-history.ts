/** The history of connections: records their changes from the tracker on, and reads ended ones from disk. */
import { status } from '@grpc/grpc-js';
import type { LogEntry, StreamHistory } from '../core/history.js';
import type { RecordChange, RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import { createChangeMapper, type RecordMapper } from './change-mapper.js';
import type { ConnectionFilter } from './connection-filter.js';
import { type FilterFacts, factsOfRecord, parseFacts } from './filter-facts.js';
import type { stuckd } from './gen/stuckd.js';
import { encodeLabel, type HistoryLabel, parseLabel } from './history-label.js';
import { RpcError } from './status.js';
import { decodeConnection, encodeChange, encodeConnectionOf, lostTrack } from './stored-change.js';
import { StreamRecorder } from './stream-recorder.js';

type Connection = stuckd.v1.StuckConnection;

/** Each reads all that is kept on disk, in the worst case. */
const READERS_MAX = 8;

/** An ended record on disk, not decoded yet. */
export interface StoredConnection {
  readonly id: string;
  readonly decode: () => Connection;
}

function stored(id: string, payload: Uint8Array): StoredConnection {
  // A copy: the payload is a part of the chunk in which it was read.
  const bytes = Uint8Array.from(payload);
  return { id, decode: () => decodeConnection(bytes) };
}

function compareIds(a: StoredConnection, b: StoredConnection): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

export class ConnectionHistory {
  readonly stream: StreamRecorder;
  /** Shared with the watches. */
  readonly mapper: RecordMapper;
  readonly #history: StreamHistory;
  readonly #source: RecordSource;
  readonly #clock: WallClock;
  readonly #workloads: WorkloadSource;
  #isSettling = false;
  #readers = 0;

  /** Records from now on; nothing may have been opened before. */
  constructor(history: StreamHistory, source: RecordSource, clock: WallClock, workloads: WorkloadSource) {
    this.stream = new StreamRecorder('connections', history);
    this.mapper = createChangeMapper(clock, workloads);
    this.#history = history;
    this.#source = source;
    this.#clock = clock;
    this.#workloads = workloads;
    source.subscribe((change) => {
      this.#record(change);
    });
  }

  /** Reads what earlier runs left; before the tracker gets anything. Never rejects. */
  async open(): Promise<void> {
    await this.stream.open();
  }

  /**
   * To be called when the tracker has its open records back: those that it does not have were told by a daemon that was
   * killed before it saved them. They end here, so that whoever resumes does not wait for them for ever.
   */
  async settle(): Promise<void> {
    if (this.#isSettling) {
      return;
    }
    this.#isSettling = true;
    const here = new Set(this.#source.open().map(({ id }) => id));
    const missing = new Set([...this.stream.openIds].filter((id) => !here.has(id)));
    if (missing.size > 0) {
      await this.#endMissing(missing);
    }
    this.stream.settled();
  }

  /** Ended records that are on disk only, by id: the first `limit` that match after `afterId`. */
  async ended(filter: ConnectionFilter, afterId: string, limit: number): Promise<readonly StoredConnection[]> {
    const found = new Map<string, StoredConnection>();
    let largest: string | null = null;
    for await (const { label, payload } of this.#endedEntries(filter.stuckAfterUs / 1000)) {
      const { id, facts } = label;
      if (id <= afterId || (largest !== null && id >= largest) || !filter.matchesStored(facts)) {
        continue;
      }
      if (this.#source.find(id) !== undefined) {
        continue; // memory may know more of it
      }
      found.set(id, stored(id, payload));
      if (found.size > 2 * limit) {
        const sorted = [...found.values()].sort(compareIds);
        for (const { id: further } of sorted.slice(limit)) {
          found.delete(further);
        }
        largest = sorted[limit]?.id ?? null;
      }
    }
    return [...found.values()].sort(compareIds).slice(0, limit);
  }

  /** @returns the ended record of this id; null if there is none on disk. */
  async find(id: string): Promise<Connection | null> {
    for await (const { label, payload } of this.#endedEntries(0)) {
      if (label.id === id) {
        return decodeConnection(payload);
      }
    }
    return null;
  }

  async *#endedEntries(sinceMs: number): AsyncGenerator<{ label: HistoryLabel; payload: Uint8Array }> {
    if (this.#readers >= READERS_MAX) {
      throw new RpcError(
        status.RESOURCE_EXHAUSTED,
        `${READERS_MAX} calls are reading the history, which is the most; try again`,
      );
    }
    this.#readers += 1;
    try {
      for await (const entries of this.#history.ended.readAll(sinceMs)) {
        for (const { label: text, payload } of entries) {
          const label = parseLabel(text);
          if (label !== null) {
            yield { label, payload };
          }
        }
      }
    } finally {
      this.#readers -= 1;
    }
  }

  #record(change: RecordChange): void {
    const { kind, record } = change;
    // Mapped once, when it is written or when a watch sends it, whichever comes first.
    const message = (): stuckd.v1.Change.$Properties => this.mapper.change(change, kind);
    this.stream.record({
      kind,
      id: record.id,
      timeUs: this.#clock.monoToRealUs(change.timeUs),
      label: () => encodeLabel(kind, record.id, factsOfRecord(record, this.#clock, this.#workloads)),
      change: () => encodeChange(message()),
      item: () => encodeConnectionOf(message()),
    });
  }

  async #endMissing(missing: Set<string>): Promise<void> {
    const last = new Map<string, LogEntry>();
    const { journal } = this.#history;
    try {
      for await (const entries of journal.read(journal.floor)) {
        for (const entry of entries) {
          const id = parseLabel(entry.label)?.id ?? '';
          if (missing.has(id)) {
            last.set(id, { ...entry, payload: Uint8Array.from(entry.payload) });
          }
        }
      }
    } catch {
      journal.cut(); // what cannot be read cannot be resumed either
    }
    const timeUs = this.#clock.monoToRealUs(this.#clock.nowUs());
    for (const id of missing) {
      const entry = last.get(id);
      const facts = parseFacts(parseLabel(entry?.label ?? '')?.facts ?? '');
      if (entry === undefined || facts === null) {
        journal.cut();
      } else {
        this.#recordLost(id, entry.payload, { ...facts, endUs: timeUs }, timeUs);
      }
    }
  }

  #recordLost(id: string, payload: Uint8Array, facts: FilterFacts, timeUs: number): void {
    const change = lostTrack(payload, timeUs);
    this.stream.record({
      kind: 'ended',
      id,
      timeUs,
      label: () => encodeLabel('ended', id, facts),
      change: () => encodeChange(change),
      item: () => encodeConnectionOf(change),
    });
  }
}
