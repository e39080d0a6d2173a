/** The stuck connections of a watch, as of its last change. */
import type { WatchChange } from '../../rpc/grpc-client.js';
import type { Connection } from '../connection-text.js';
import { topConnection, type TopConnection } from './top-connection.js';

/** More are counted and not kept: nobody reads so many lines, and the terminal is often on the machine that suffers. */
const RECORDS_MAX = 50_000;

export class FollowedRecords {
  readonly #max: number;
  #records = new Map<string, TopConnection>();
  /** What the snapshot under way has brought; null between snapshots. */
  #snapshot: Map<string, TopConnection> | null = null;
  /** Not even their ids are kept: an end of one that is not known is taken for one of them. */
  #leftOut = 0;
  #version = 0;

  constructor(max = RECORDS_MAX) {
    this.#max = max;
  }

  /** Grows with whatever can be seen. */
  get version(): number {
    return this.#version;
  }

  /** Connections that found no room since the last snapshot. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get connections(): Iterable<TopConnection> {
    return this.#records.values();
  }

  /** A new watch begins: what there is stays in sight until its snapshot is complete. */
  restart(): void {
    this.#snapshot = new Map();
    this.#leftOut = 0;
  }

  accept(change: WatchChange): void {
    const { snapshotItem, snapshotEnd, opened, updated, ended, lost } = change;
    if (lost) {
      this.restart();
    } else if (snapshotItem) {
      this.#snapshot ??= new Map();
      this.#put(this.#snapshot, snapshotItem);
      return;
    } else if (snapshotEnd) {
      this.#records = this.#current;
      this.#snapshot = null;
    } else if (opened) {
      this.#put(this.#current, opened);
    } else if (updated) {
      this.#update(updated);
    } else if (ended && !this.#current.delete(ended.id ?? '')) {
      this.#leftOut = Math.max(0, this.#leftOut - 1);
    }
    this.#version += 1;
  }

  get #current(): Map<string, TopConnection> {
    return this.#snapshot ?? this.#records;
  }

  /** Of one that found no room nothing is known, so that its changes are not counted as further ones. */
  #update(connection: Connection): void {
    const id = connection.id ?? '';
    if (this.#current.has(id)) {
      this.#current.set(id, topConnection(connection));
    }
  }

  #put(records: Map<string, TopConnection>, connection: Connection): void {
    const id = connection.id ?? '';
    if (records.size >= this.#max && !records.has(id)) {
      this.#leftOut += 1;
      return;
    }
    records.set(id, topConnection(connection));
  }
}
