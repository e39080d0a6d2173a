/**
 * A log on disk that never holds up who appends to it: entries wait in memory, are encoded and written in batches, and
 * leave with their file when they are too old or too many. While the disk takes nothing the newest stay in memory, and
 * writing is tried again until it succeeds.
 *
 * Not LMDB or the like: a file that is mapped into memory and cut short or damaged ends the process with SIGBUS or SIGSEGV
 * (tried with lmdb 3.5.6), and history must never do that. Nothing here is ever changed in place, and a reader needs no
 * order but that of time.
 *
 * What was written survives the end of the process, however it ends. It is not synced: when the machine itself loses power
 * the last seconds can be missing, which the sequence numbers show to whoever relies on them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LogContent, type LogEntry, LogGapError } from '../core/history.js';
import { Backoff } from '../lib/backoff.js';
import { FrameBatch } from './frame-batch.js';
import { LogFiles, type Segment, SEGMENT_START } from './log-files.js';
import { type Pending, readRange, readSegment, readSegments, readWaiting } from './log-reader.js';

export interface LogBounds {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

export interface LogOptions extends LogBounds {
  readonly directory: string;
  /** Written into its files: only files of the same owner are added to. A UUID. */
  readonly owner: string;
  /** Entries that wait to be written. */
  readonly queueMax: number;
  /** Called with what does not work, and with null when it works again; with the same text only once. */
  readonly onProblem: (problem: string | null) => void;
  /** Called for what a person should know, once. */
  readonly onNotice: (notice: string) => void;
}

const SEGMENTS_PER_LOG = 16;
/** Each start of a daemon can leave a small file; so many of them cost nothing. */
const SEGMENTS_MAX = 256;
/** A write takes some four turns of the event loop, in which a storm brings many more entries: it must be worth that. */
const BATCH_ENTRIES = 4096;
const BATCH_BYTES = 4 << 20;
/**
 * Entries that are encoded before other work gets its turn, 10 us each, or 40 where no subscriber had their messages encoded.
 * The more wait, the more at a time: subscribers are told first, but what waits takes memory, and is left out in the end.
 */
const ENCODED_PER_TURN = { least: 64, most: 512, share: 1 / 32 } as const;
/** Entries in memory that are made for a reader in one go. */
const READ_PER_TURN = 32;
/** Without a disk, the queue is the log; it may take this share of the queue's length. */
const MEMORY_SHARE = 4;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 30_000;
const MAINTENANCE_MS = 600_000;

export class DurableLog {
  #options: LogOptions;
  readonly #files: LogFiles;
  readonly #backoff = new Backoff(RETRY_MIN_MS, RETRY_MAX_MS, RETRY_MAX_MS);
  readonly #maintenance: NodeJS.Timeout;
  #segments: Segment[] = [];
  /** The files have to be looked at again before anything is written. */
  #isListed = false;
  #pending: Pending[] = [];
  #last = 0;
  #floor = 0;
  #written = 0;
  #removed = 0;
  #dropped = 0;
  /** Of these, those that were dropped since it was last said, although the disk works. */
  #behind = 0;
  #problem: string | null = null;
  #work: Promise<void> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#files = new LogFiles(options.directory);
    this.#maintenance = setInterval(() => {
      this.#start();
    }, MAINTENANCE_MS).unref();
  }

  /** Sequence number of the newest entry. */
  get last(): number {
    return this.#last;
  }

  /** Sequence number of the newest entry that is on disk. */
  get written(): number {
    return this.#written;
  }

  /** Every entry after this one can be read. */
  get floor(): number {
    return this.#floor;
  }

  /** Oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Entries that were removed for age or size, and that were never written since the disk did not take them. */
  get counters(): { readonly removed: number; readonly dropped: number } {
    return { removed: this.#removed, dropped: this.#dropped };
  }

  /**
   * Reads what is there; before anything is appended. Never rejects: without a disk the log begins in memory.
   * @param visit gets every entry, oldest first; without it only the newest file is read
   */
  async open(visit: ((entry: LogEntry) => void) | null = null): Promise<void> {
    try {
      await this.#list(Infinity);
      const segments = visit === null ? this.#segments.slice(-1) : this.#segments;
      this.#last = this.#floor = (segments[0]?.first ?? 1) - 1;
      for (const segment of segments) {
        await this.#scan(segment, visit);
      }
      this.#written = this.#last;
      await this.#prepare(this.#last + 1);
      this.#setProblem(null);
    } catch (error) {
      // Numbers that were never used: a client may still come with one that is on the disk.
      this.#last = this.#floor = this.#written = Math.max(this.#last, Date.now() * 1000);
      this.#fail(error);
    }
  }

  /** @returns the sequence number of the entry. */
  append(timeUs: number, content: () => LogContent): number {
    this.#last += 1;
    const sequence = this.#last;
    let made: LogEntry | null = null;
    this.#pending.push({ sequence, entry: () => (made ??= { sequence, timeUs, ...content() }) });
    this.#boundQueue();
    this.#start();
    return sequence;
  }

  /** What follows is not connected with what was before: nobody can read over this place. */
  cut(): void {
    this.#floor = this.#last;
  }

  /**
   * Entries after `after` up to the newest at the time when they are asked for, in order and complete.
   * @throws LogGapError if they are not all there
   */
  async *read(after: number): AsyncGenerator<readonly LogEntry[]> {
    let position = after;
    while (position < this.#last) {
      if (position < this.#floor) {
        throw new LogGapError(`what follows entry ${position} is not kept any more`);
      }
      if (position < this.#written) {
        for await (const entries of readRange(this.#files, [...this.#segments], position, this.#written)) {
          position = entries.at(-1)?.sequence ?? position;
          yield entries;
        }
      } else {
        const waiting = this.#pending.filter(({ sequence }) => sequence > position).slice(0, READ_PER_TURN);
        position = waiting.at(-1)?.sequence ?? position;
        yield waiting.map(({ entry }) => entry());
      }
    }
  }

  /**
   * All that was appended before this call, on disk and in memory, oldest first, as far as it can be read.
   * @param sinceMs leaves out files that were not written since
   */
  async *readAll(sinceMs: number): AsyncGenerator<readonly LogEntry[]> {
    // Held from here on: what the disk takes meanwhile may be in a file that is not read.
    const waiting = [...this.#pending];
    const segments = this.#segments.filter(({ writtenMs }) => writtenMs >= sinceMs);
    let position = 0;
    for await (const entries of readSegments(this.#files, segments, this.#judgeEnd.bind(this))) {
      position = entries.at(-1)?.sequence ?? position;
      yield entries;
    }
    yield* readWaiting(waiting.filter(({ sequence }) => sequence > position));
  }

  /** Other bounds from now on: what is beyond them leaves as soon as nothing is being written. */
  setBounds({ maxAgeMs, maxBytes }: LogBounds): void {
    this.#options = { ...this.#options, maxAgeMs, maxBytes };
    void Promise.resolve(this.#work).then(() => {
      this.#start();
    });
  }

  /** Writes what waits, if the disk takes it, and nothing afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#maintenance);
    clearTimeout(this.#retry ?? undefined);
    await this.#work;
    await this.#drain();
  }

  async #list(before: number): Promise<void> {
    const { segments, movedAside } = await this.#files.list();
    for (const notice of movedAside) {
      this.#options.onNotice(notice);
    }
    // A clock that was set back while there was no disk: what it numbered would stand in the wrong order.
    for (const segment of segments.filter(({ first }) => first > before)) {
      await this.#files.remove(segment);
    }
    const known = new Map(this.#segments.map((segment) => [segment.path, segment]));
    // Of a file that was known, what counts is how far it was written, not how far a write that failed has come.
    this.#segments = segments.filter(({ first }) => first <= before).map((found) => known.get(found.path) ?? found);
    if (![...known.values()].every((segment) => this.#segments.includes(segment))) {
      this.#floor = Math.max(this.#floor, this.#written);
    }
    this.#isListed = true;
  }

  async #scan(segment: Segment, visit: ((entry: LogEntry) => void) | null): Promise<void> {
    if (segment.first !== this.#last + 1) {
      this.#last = this.#floor = segment.first - 1;
    }
    const chunks = readSegment(this.#files, segment);
    let chunk = await chunks.next();
    for (; chunk.done !== true; chunk = await chunks.next()) {
      for (const entry of chunk.value) {
        if (entry.sequence !== this.#last + 1) {
          this.#floor = entry.sequence - 1;
        }
        this.#last = entry.sequence;
        visit?.(entry);
      }
      await nextTurn();
    }
    this.#judgeEnd(segment, segment.bytes, chunk.value.end);
  }

  /** @param bytes what should be readable; @param end how much was */
  #judgeEnd(segment: Segment, bytes: number, end: number): void {
    if (end < bytes && segment.canGrow) {
      this.#options.onNotice(`${segment.path}: the last ${bytes - end} bytes are not whole and do not count`);
      segment.canGrow = false;
    }
  }

  #start(): void {
    if (this.#work === null && this.#retry === null && !this.#isClosed) {
      this.#work = nextTurn()
        .then(() => this.#drain())
        .finally(() => {
          this.#work = null;
          if (this.#pending.length > 0) {
            this.#start();
          }
        });
    }
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    try {
      if (!this.#isListed) {
        await this.#prepare(this.#pending[0]?.sequence ?? this.#last + 1);
      }
      const frames = new FrameBatch();
      while (this.#pending.length > 0) {
        await this.#writeBatch(frames, this.#pending.slice(0, BATCH_ENTRIES));
      }
      await this.#prune();
      this.#setProblem(null);
      this.#tellBehind();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #writeBatch(frames: FrameBatch, batch: readonly Pending[]): Promise<void> {
    frames.clear();
    const { least, most, share } = ENCODED_PER_TURN;
    const perTurn = Math.min(Math.max(least, Math.floor(this.#pending.length * share)), most);
    let encoded = 0;
    let last = this.#written;
    for (const pending of batch) {
      this.#encode(frames, pending);
      last = pending.sequence;
      if (frames.length >= BATCH_BYTES) {
        break;
      }
      encoded += 1;
      if (encoded % perTurn === 0) {
        await nextTurn();
      }
    }
    const segment = await this.#prepare(batch[0]?.sequence ?? last);
    await this.#files.append(segment, frames.bytes);
    this.#written = last;
    const left = this.#pending.findIndex(({ sequence }) => sequence > last);
    this.#pending.splice(0, left === -1 ? this.#pending.length : left);
  }

  /** What cannot be encoded, which is a defect, must not keep the rest from being written. */
  #encode(frames: FrameBatch, { sequence, entry }: Pending): void {
    try {
      frames.add(entry());
    } catch (error) {
      this.#dropped += 1;
      this.#floor = Math.max(this.#floor, sequence);
      this.#options.onNotice(`an entry could not be encoded: ${String(error)}`);
    }
  }

  /** @returns the segment to which an entry can be added. */
  async #prepare(sequence: number): Promise<Segment> {
    const { owner, maxAgeMs, maxBytes } = this.#options;
    if (!this.#isListed) {
      await this.#list(sequence);
    }
    const current = this.#segments.at(-1);
    const isFull = (current?.bytes ?? 0) >= maxBytes / SEGMENTS_PER_LOG;
    const isOld = Date.now() - (current?.createdMs ?? 0) > maxAgeMs / SEGMENTS_PER_LOG;
    if (current?.owner === owner && current.canGrow && !isFull && !(isOld && current.bytes > SEGMENT_START)) {
      return current;
    }
    const created = await this.#files.create(sequence, owner);
    this.#segments = [...this.#segments.filter(({ path }) => path !== created.path), created];
    return created;
  }

  /** Whole files leave, so that it costs next to nothing. */
  async #prune(): Promise<void> {
    const { maxAgeMs, maxBytes } = this.#options;
    const oldestMs = Date.now() - maxAgeMs;
    const newest = this.#segments.at(-1);
    if (newest !== undefined && newest.writtenMs < oldestMs && newest.bytes > SEGMENT_START) {
      await this.#prepare(this.#last + 1);
    }
    let bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
    for (;;) {
      const [oldest, next] = this.#segments;
      const isTooMuch = bytes > maxBytes || this.#segments.length > SEGMENTS_MAX;
      if (oldest === undefined || next === undefined || !(isTooMuch || oldest.writtenMs < oldestMs)) {
        return;
      }
      await this.#files.remove(oldest);
      this.#segments = this.#segments.slice(1);
      this.#floor = Math.max(this.#floor, next.first - 1);
      this.#removed += next.first - oldest.first;
      bytes -= oldest.bytes;
    }
  }

  #boundQueue(): void {
    const max = this.#problem === null ? this.#options.queueMax : this.#options.queueMax / MEMORY_SHARE;
    if (this.#pending.length <= max) {
      return;
    }
    // Several at once, since the array is copied; the oldest, since a client that comes back soon misses the newest.
    const dropped = this.#pending.splice(0, this.#pending.length - Math.floor(max * 0.75));
    this.#dropped += dropped.length;
    this.#behind += this.#problem === null ? dropped.length : 0;
    this.#floor = dropped.at(-1)?.sequence ?? this.#floor;
  }

  /** Said when it is over: while it lasts there is more to do, and the number is not known. */
  #tellBehind(): void {
    if (this.#behind > 0) {
      this.#options.onNotice(`${this.#behind} entries came faster than they could be written, and were left out`);
      this.#behind = 0;
    }
  }

  #fail(error: unknown): void {
    const waitMs = this.#backoff.next(this.#problem === null ? Infinity : 0);
    this.#isListed = false;
    this.#setProblem(error instanceof Error ? error.message : String(error));
    if (!this.#isClosed) {
      this.#retry = setTimeout(() => {
        this.#retry = null;
        this.#start();
      }, waitMs).unref();
    }
  }

  #setProblem(problem: string | null): void {
    if (problem !== this.#problem) {
      this.#problem = problem;
      this.#options.onProblem(problem);
    }
  }
}
