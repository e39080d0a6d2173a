/**
 * Which interests the sensor counts for: those of all open records, and for a while those of records that ended, since what
 * gets stuck once often does so again. Says what has changed since it was asked last, so that a storm of records makes
 * one command for each peer, not one for each connection.
 */
import { type Interest, interestKey, interestsOf, type Peer } from './interest.js';
import type { StuckRecord } from './record.js';

/** What the sensor has to be told. */
export interface InterestChange {
  readonly type: 'count' | 'uncount';
  readonly id: number;
  readonly interest: Interest;
}

/** As many as the sensor has room for (`interests` in bpf/maps.bpf.h). */
export const COUNTED_MAX = 4096;
/** A peer is followed so long after its last record has ended. */
const GRACE_US = 60_000_000;

interface Entry {
  readonly interest: Interest;
  /** Open records that it is part of. */
  records: number;
  /** What the sensor knows it by; null: it was not told. */
  id: number | null;
  /** Since when no open record is part of it. */
  unusedSinceUs: number;
}

/** A record as it is now, and the interests that it is part of. */
interface Part {
  record: StuckRecord;
  readonly entries: readonly Entry[];
}

/** Most changes of a record are of its timers: they must cost next to nothing. */
function hasSameInterests(a: StuckRecord, b: StuckRecord): boolean {
  return (
    a.owner === b.owner &&
    a.lastOwner === b.lastOwner &&
    a.direction === b.direction &&
    a.remote.port === b.remote.port &&
    a.remote.address === b.remote.address
  );
}

export class InterestLedger {
  readonly #entries = new Map<string, Entry>();
  readonly #parts = new Map<string, Part>();
  readonly #ids = new Map<string, number>();
  /** Not told yet, in the order in which they came. */
  readonly #waiting = new Set<Entry>();
  /** Without open records, the first to expire first. */
  readonly #unused = new Set<Entry>();
  #lastId = 0;

  /** Takes a record as it is now. */
  update(record: StuckRecord, nowUs: number): void {
    const before = this.#parts.get(record.id);
    if (before !== undefined && hasSameInterests(before.record, record)) {
      before.record = record; // the old one need not be kept, of each of a storm's connections
      return;
    }
    const entries = interestsOf(record).map((interest) => this.#entry(interest));
    for (const entry of entries) {
      entry.records += 1;
      this.#unused.delete(entry);
    }
    this.#release(before?.entries ?? [], nowUs);
    this.#parts.set(record.id, { record, entries });
  }

  /** The record has ended. */
  remove(recordId: string, nowUs: number): void {
    this.#release(this.#parts.get(recordId)?.entries ?? [], nowUs);
    this.#parts.delete(recordId);
  }

  /** @returns what has changed since the last call, in the order in which the sensor must be told. */
  takeChanges(nowUs: number): readonly InterestChange[] {
    const changes: InterestChange[] = [];
    for (const entry of this.#unused) {
      if (entry.unusedSinceUs + GRACE_US > nowUs) {
        break;
      }
      this.#forget(entry);
      if (entry.id !== null) {
        changes.push({ type: 'uncount', id: entry.id, interest: entry.interest });
      }
    }
    for (const entry of this.#waiting) {
      if (this.#ids.size >= COUNTED_MAX) {
        break;
      }
      this.#lastId += 1;
      entry.id = this.#lastId;
      this.#waiting.delete(entry);
      this.#ids.set(interestKey(entry.interest), entry.id);
      changes.push({ type: 'count', id: entry.id, interest: entry.interest });
    }
    return changes;
  }

  /** @returns what a new sensor has to be told. */
  told(): readonly InterestChange[] {
    return [...this.#entries.values()].flatMap(({ id, interest }) =>
      id === null ? [] : [{ type: 'count', id, interest }],
    );
  }

  /** Interests that the sensor counts for. */
  get counted(): number {
    return this.#ids.size;
  }

  /** Interests that the sensor has no room for. */
  get waiting(): number {
    return this.#waiting.size;
  }

  idOfPeer(peer: Peer): number | null {
    return this.#ids.get(interestKey({ kind: 'peer', peer })) ?? null;
  }

  idOfListener(port: number): number | null {
    return this.#ids.get(interestKey({ kind: 'listener', port })) ?? null;
  }

  #entry(interest: Interest): Entry {
    const key = interestKey(interest);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { interest, records: 0, id: null, unusedSinceUs: 0 };
      this.#entries.set(key, entry);
      this.#waiting.add(entry);
    }
    return entry;
  }

  #release(entries: readonly Entry[], nowUs: number): void {
    for (const entry of entries) {
      entry.records -= 1;
      if (entry.records > 0) {
        continue;
      }
      if (entry.id === null) {
        // It came and went at once: a stale reuse, or a storm that the sensor has no room for.
        this.#waiting.delete(entry);
        this.#entries.delete(interestKey(entry.interest));
      } else {
        entry.unusedSinceUs = nowUs;
        this.#unused.add(entry);
      }
    }
  }

  #forget(entry: Entry): void {
    const key = interestKey(entry.interest);
    this.#unused.delete(entry);
    this.#entries.delete(key);
    this.#ids.delete(key);
  }
}
