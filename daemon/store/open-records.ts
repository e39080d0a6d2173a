/**
 * Open records on disk, so that their ids survive a restart of the daemon. One JSON document a line: a header, then the
 * records, so that neither writing nor reading tens of thousands of them holds up the daemon for long.
 */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Owner } from '../core/record.js';
import type { SavedEntry, SavedState } from '../core/tracker-messages.js';
import { moveAside, replaceFile } from './replace-file.js';
import { entrySchema, FORMAT_VERSION, headerSchema } from './saved-state-schema.js';

const FILE_NAME = 'open-records.jsonl';

/** Lines that are made in one go, which takes half a millisecond; other work gets its turn after each. */
const BATCH_ENTRIES = 25;

/** Of what is wrong with a file, in characters. */
const REASON_MAX = 300;

/** What was found on disk. `problem` says why nothing of it could be used; the file is then kept beside it. */
export interface LoadedState {
  readonly state: SavedState | null;
  readonly problem: string | null;
}

function toLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function plainOwner(owner: Owner | null): object | null {
  return owner === null ? null : { ...owner, cgroupId: owner.cgroupId.toString() };
}

/** JSON has no bigint. To name the fields is five times as fast as a function that JSON.stringify() calls for each. */
function entryLine({ record, socket }: SavedEntry): string {
  return toLine({
    record: {
      ...record,
      cookie: record.cookie.toString(),
      creatorCgroupId: record.creatorCgroupId.toString(),
      owner: plainOwner(record.owner),
      lastOwner: plainOwner(record.lastOwner),
    },
    socket: { ...socket, cookie: socket.cookie.toString(), cgroupId: socket.cgroupId.toString() },
  });
}

function* linesOf({ bootId, clock, entries }: SavedState): Generator<string> {
  yield toLine({ version: FORMAT_VERSION, bootId, clock, entries: entries.length });
  for (let start = 0; start < entries.length; start += BATCH_ENTRIES) {
    yield entries
      .slice(start, start + BATCH_ENTRIES)
      .map(entryLine)
      .join('');
  }
}

/** @throws Error if it is not a complete file of this version. */
async function parse(lines: AsyncIterable<string>): Promise<SavedState> {
  let header: ReturnType<typeof headerSchema.parse> | null = null;
  const entries: SavedEntry[] = [];
  for await (const line of lines) {
    if (header === null) {
      header = headerSchema.parse(JSON.parse(line));
    } else {
      entries.push(entrySchema.parse(JSON.parse(line)));
    }
  }
  if (header?.entries !== entries.length) {
    throw new Error('the file is not complete');
  }
  return { bootId: header.bootId, clock: header.clock, entries };
}

/** One line: what zod finds wrong with a file can be long, and its first lines say enough. */
function reasonOf(error: unknown): string {
  const text = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
  return text.replace(/\s+/g, ' ').slice(0, REASON_MAX);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

export class OpenRecordStore {
  readonly #directory: string;
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, FILE_NAME);
  }

  /**
   * Makes the directory and reads what the last run left. A file that cannot be understood is moved aside, not lost.
   * @throws Error if the directory cannot be made, or the file neither be read nor moved.
   */
  async load(): Promise<LoadedState> {
    await mkdir(this.#directory, { recursive: true, mode: 0o750 });
    let file;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) {
        return { state: null, problem: null };
      }
      throw error;
    }
    try {
      return { state: await parse(file.readLines()), problem: null };
    } catch (error) {
      // Half a file, one of another version and one that cannot be read are treated alike.
      const aside = await moveAside(this.#path);
      const problem = `${this.#path} cannot be understood (${reasonOf(error)}); it was moved to ${aside}`;
      return { state: null, problem };
    } finally {
      await file.close();
    }
  }

  /**
   * Replaces the file: a reader finds the old one or the new one, never half of one. Calls queue up.
   * @throws Error if the disk is full or the directory is gone; the old file stays.
   */
  async save(state: SavedState): Promise<void> {
    const write = this.#writing.then(() => this.#write(state));
    // A failed write must not keep the next one from being tried.
    this.#writing = write.catch(() => undefined);
    await write;
  }

  async #write(state: SavedState): Promise<void> {
    await replaceFile(this.#path, linesOf(state));
  }
}
