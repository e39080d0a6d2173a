/** The history of connections: records their changes from the tracker on, and reads ended ones from disk. */
import type { StreamHistory } from '../core/history.js';
import type { RecordChange, RecordSource, WallClock, WorkloadSource } from '../core/ports.js';
import { createChangeMapper, type RecordMapper } from './change-mapper.js';
import type { ConnectionFilter } from './connection-filter.js';
import { EndedReader, type StoredItem } from './ended-reader.js';
import { factsOfRecord, parseFacts } from './filter-facts.js';
import type { stuckd } from './gen/stuckd.js';
import { encodeLabel, type HistoryLabel } from './history-label.js';
import { connectionIn, type EncodedChange } from './shared-change.js';
import { decodeConnection, lostTrack } from './stored-change.js';
import { type RecordedChange, StreamRecorder } from './stream-recorder.js';

type Connection = stuckd.v1.StuckConnection;

export class ConnectionHistory {
  readonly stream: StreamRecorder;
  /** Shared with the watches. */
  readonly mapper: RecordMapper;
  readonly #reader: EndedReader<Connection>;
  readonly #source: RecordSource;
  readonly #clock: WallClock;
  readonly #workloads: WorkloadSource;

  /** Records from now on; nothing may have been opened before. */
  constructor(history: StreamHistory, source: RecordSource, clock: WallClock, workloads: WorkloadSource) {
    this.stream = new StreamRecorder('connections', history);
    this.mapper = createChangeMapper(clock, workloads);
    this.#reader = new EndedReader(history.ended, decodeConnection);
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

  /** To be called when the tracker has its open records back. */
  async settle(): Promise<void> {
    const here = new Set(this.#source.open().map(({ id }) => id));
    await this.stream.settle(here, (label, payload) => this.#lostEnd(label, payload));
  }

  /** Ended records that are on disk only, by id: the first `limit` that match after `afterId`. */
  async ended(filter: ConnectionFilter, afterId: string, limit: number): Promise<readonly StoredItem<Connection>[]> {
    const query = {
      sinceMs: filter.stuckAfterUs / 1000,
      matches: filter.matchesStored,
      isInMemory: (id: string) => this.#source.find(id) !== undefined,
    };
    return this.#reader.page(query, afterId, limit);
  }

  /** @returns the ended record of this id; null if there is none on disk. */
  async find(id: string): Promise<Connection | null> {
    return this.#reader.find(id);
  }

  #record(change: RecordChange): void {
    const { kind, record } = change;
    // Mapped once, when it is written or when a watch sends it, whichever comes first.
    const message = (): EncodedChange => this.mapper.change(change, kind);
    this.stream.record({
      kind,
      id: record.id,
      timeUs: this.#clock.monoToRealUs(change.timeUs),
      label: () => encodeLabel(kind, record.id, factsOfRecord(record, this.#clock, this.#workloads)),
      change: () => message().bytes,
      item: () => connectionIn(message()),
    });
  }

  #lostEnd({ id, facts: text }: HistoryLabel, payload: Uint8Array): RecordedChange | null {
    const facts = parseFacts(text);
    if (facts === null) {
      return null;
    }
    const timeUs = this.#clock.monoToRealUs(this.#clock.nowUs());
    const change = lostTrack(payload, timeUs);
    return {
      kind: 'ended',
      id,
      timeUs,
      label: () => encodeLabel('ended', id, { ...facts, endUs: timeUs }),
      change: () => change.bytes,
      item: () => connectionIn(change),
    };
  }
}
