/**
 * What waits for receivers, what was given up, and what was delivered lately; in memory, with a log on disk behind it.
 * What was accepted is delivered at least once. It is bounded: where too much waits for too long, the oldest message of
 * the receiver that holds most is dropped, and counted.
 */
import type { TableFill } from '../core/agent-facts.js';
import type { OutboxLog } from './outbox-log.js';
import {
  acceptRecord,
  type AlertThread,
  type OutboxEntry,
  type OutboxRecord,
  progressRecord,
  recordSchema,
  snapshotRecords,
} from './outbox-records.js';
import { SharedTexts } from './shared-texts.js';

export interface OutboxLimits {
  readonly pending: number;
  /**
   * Of the alerts in pending and dead deliveries; what several of them tell counts once. With connections an alert has up
   * to 20 kB and without them less than 2 kB, so that the bound above is the one that is reached.
   */
  readonly alertBytes: number;
  readonly dead: number;
  readonly deadAgeMs: number;
  readonly delivered: number;
  /** Alerts that fire. */
  readonly threads: number;
}

const DAY_MS = 86_400_000;

export const DEFAULT_LIMITS: OutboxLimits = {
  pending: 10_000,
  alertBytes: 32 * 1024 * 1024,
  dead: 500,
  deadAgeMs: 7 * DAY_MS,
  delivered: 200,
  threads: 10_000,
};

/** What waits for one URL of a receiver: the oldest first. */
interface Lane {
  readonly receiver: string;
  readonly entries: Map<string, OutboxEntry>;
  /** Of what waits, also where other lanes have the same. */
  bytes: number;
}

/** What became of the messages to a receiver since the start. */
export interface ReceiverCounts {
  delivered: number;
  dropped: number;
  failedAttempts: number;
}

export function laneKey(receiver: string, replica: number): string {
  return `${receiver}#${replica}`;
}

export class Outbox {
  readonly #log: OutboxLog;
  readonly #limits: OutboxLimits;
  /** In the order in which they were accepted. */
  readonly #entries = new Map<string, OutboxEntry>();
  readonly #lanes = new Map<string, Lane>();
  readonly #threads = new Map<string, AlertThread>();
  /** The `updated` that waits, by lane and order. */
  readonly #updates = new Map<string, string>();
  readonly #counts = new Map<string, ReceiverCounts>();
  /** Under way: not to be replaced or dropped. */
  readonly #busy = new Set<string>();
  readonly #ended = { dead: 0, delivered: 0 };
  readonly #texts = new SharedTexts();

  constructor(log: OutboxLog, limits: OutboxLimits = DEFAULT_LIMITS) {
    this.#log = log;
    this.#limits = limits;
  }

  /** Takes what the last run left. @returns empty, or what of it was of no use */
  load(): string {
    let unknown = 0;
    const problem = this.#log.load((record) => {
      const parsed = recordSchema.safeParse(record);
      if (parsed.success) {
        this.#replay(parsed.data);
      } else {
        unknown += 1;
      }
    });
    this.#trim();
    return [problem, unknown === 0 ? '' : `${unknown} records of the outbox were skipped: they are of another version`]
      .filter((part) => part !== '')
      .join('; ');
  }

  /** Messages that wait, of those that can. */
  get fill(): TableFill {
    const { dead, delivered } = this.#ended;
    return { entries: this.#entries.size - dead - delivered, capacity: this.#limits.pending };
  }

  /** Messages that were dropped because too many waited. */
  get dropped(): number {
    return [...this.#counts.values()].reduce((sum, { dropped }) => sum + dropped, 0);
  }

  entries(): Iterable<OutboxEntry> {
    return this.#entries.values();
  }

  find(id: string): OutboxEntry | undefined {
    return this.#entries.get(id);
  }

  /** Pending ones of one URL, the oldest first. */
  pending(lane: string): ReadonlyMap<string, OutboxEntry> {
    return this.#lanes.get(lane)?.entries ?? new Map<string, OutboxEntry>();
  }

  /** Half of the room for alerts is used: what comes now should be short. */
  get isCrowded(): boolean {
    return this.#texts.bytes > this.#limits.alertBytes / 2;
  }

  lanes(): Iterable<string> {
    return this.#lanes.keys();
  }

  thread(alertId: string): AlertThread | undefined {
    return this.#threads.get(alertId);
  }

  threads(): readonly AlertThread[] {
    return [...this.#threads.values()];
  }

  counts(receiver: string): ReceiverCounts {
    const counts = this.#counts.get(receiver) ?? { delivered: 0, dropped: 0, failedAttempts: 0 };
    this.#counts.set(receiver, counts);
    return counts;
  }

  /**
   * Takes a change of an alert: when this returns, it survives the death of this process (unless the log has a problem).
   * A waiting `updated` of the same order is replaced by what is newer; `fired` and `resolved` are never left out.
   */
  accept(thread: AlertThread, entries: readonly OutboxEntry[]): void {
    const removed = entries.flatMap((entry) => {
      const waiting = this.#updates.get(orderIn(entry));
      return waiting === undefined || this.#busy.has(waiting) ? [] : [waiting];
    });
    const record = acceptRecord(entries[0]?.alert ?? thread.alert, entries, removed, thread);
    this.#replay(record);
    this.#log.append([record]);
    this.#trim();
  }

  /** What an attempt, or a retry, made of it. */
  update(entry: OutboxEntry): void {
    this.#replay(progressRecord(entry));
    this.#log.append([progressRecord(entry)]);
    if (entry.state === 'delivered') {
      this.counts(entry.receiver).delivered += 1;
    }
    this.#trim();
  }

  setBusy(id: string, busy: boolean): void {
    if (busy) {
      this.#busy.add(id);
    } else {
      this.#busy.delete(id);
    }
  }

  /** Forgets dead letters that are too old to be of use. */
  expire(nowMs: number): void {
    for (const { id, state, endMs } of this.#entries.values()) {
      if (state === 'dead' && nowMs - (endMs ?? nowMs) > this.#limits.deadAgeMs) {
        this.#forget(id);
      }
    }
  }

  /** Writes the log anew if that is due, or if nothing is written any more; there is none while nothing counts. */
  async maintain(): Promise<void> {
    if (this.#entries.size + this.#threads.size === 0) {
      this.#log.rest();
    } else if (this.#log.wantsRewrite) {
      await this.#log.rewrite(snapshotRecords(this.#entries.values(), this.#threads.values()));
    }
  }

  #replay(record: OutboxRecord): void {
    switch (record.k) {
      case 'accept':
        for (const id of record.removed) {
          this.#drop(id);
        }
        for (const entry of record.entries) {
          this.#put({ ...entry, alert: record.alert });
        }
        if (record.thread !== null) {
          this.#setThread({ ...record.thread, alert: record.thread.alert ?? record.alert });
        }
        break;
      case 'progress': {
        const { progress } = record;
        const before = this.#entries.get(progress.id);
        if (before !== undefined) {
          this.#put({ ...before, ...progress, ...(progress.state === 'delivered' ? { alert: '' } : {}) });
        }
        break;
      }
      case 'remove':
        for (const id of record.ids) {
          this.#drop(id);
        }
        break;
    }
  }

  #setThread(thread: AlertThread): void {
    if (thread.receivers.length === 0) {
      this.#threads.delete(thread.alertId);
    } else {
      this.#threads.set(thread.alertId, thread);
    }
  }

  /** Adds it, or replaces what has the same id, in its place. */
  #put(given: OutboxEntry): void {
    const entry = { ...given, alert: this.#texts.hold(given.alert) };
    this.#uncount(this.#entries.get(entry.id));
    this.#entries.set(entry.id, entry);
    this.#count(entry, 1);
    const lane = this.#laneOf(entry);
    if (entry.state === 'pending') {
      lane.entries.set(entry.id, entry);
    } else {
      lane.entries.delete(entry.id);
    }
    if (entry.event === 'updated' && entry.state === 'pending') {
      this.#updates.set(orderIn(entry), entry.id);
    } else if (this.#updates.get(orderIn(entry)) === entry.id) {
      this.#updates.delete(orderIn(entry));
    }
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      return;
    }
    this.#uncount(entry);
    this.#entries.delete(id);
    this.#laneOf(entry).entries.delete(id);
    if (this.#updates.get(orderIn(entry)) === id) {
      this.#updates.delete(orderIn(entry));
    }
  }

  #forget(id: string): void {
    this.#drop(id);
    this.#log.append([{ k: 'remove', ids: [id] }]);
  }

  #laneOf({ receiver, replica }: OutboxEntry): Lane {
    const key = laneKey(receiver, replica);
    const lane = this.#lanes.get(key) ?? { receiver, entries: new Map<string, OutboxEntry>(), bytes: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  #uncount(entry: OutboxEntry | undefined): void {
    if (entry !== undefined) {
      this.#count(entry, -1);
      this.#texts.release(entry.alert);
    }
  }

  #count(entry: OutboxEntry, sign: 1 | -1): void {
    if (entry.state === 'pending') {
      this.#laneOf(entry).bytes += sign * entry.alert.length;
    } else {
      this.#ended[entry.state] += sign;
    }
  }

  #trim(): void {
    const { pending, alertBytes, dead, delivered, threads } = this.#limits;
    this.#trimEnded('delivered', delivered);
    this.#trimEnded('dead', this.#texts.bytes > alertBytes ? 0 : dead);
    while (this.fill.entries > pending || this.#texts.bytes > alertBytes) {
      if (!this.#dropOldest()) {
        break;
      }
    }
    for (const alertId of this.#threads.keys()) {
      if (this.#threads.size <= threads) {
        break;
      }
      this.#threads.delete(alertId);
    }
  }

  #trimEnded(state: 'dead' | 'delivered', max: number): void {
    if (this.#ended[state] <= max) {
      return;
    }
    for (const entry of this.#entries.values()) {
      if (entry.state === state) {
        this.#forget(entry.id);
      }
      if (this.#ended[state] <= max) {
        return;
      }
    }
  }

  /** @returns false if there is nothing that may be dropped. */
  #dropOldest(): boolean {
    let fullest: Lane | null = null;
    for (const lane of this.#lanes.values()) {
      fullest = fullest === null || lane.bytes > fullest.bytes ? lane : fullest;
    }
    for (const id of fullest?.entries.keys() ?? []) {
      if (fullest !== null && !this.#busy.has(id)) {
        this.counts(fullest.receiver).dropped += 1;
        this.#forget(id);
        return true;
      }
    }
    return false;
  }
}

function orderIn({ receiver, replica, order }: OutboxEntry): string {
  return `${laneKey(receiver, replica)} ${order}`;
}
