/** Open records on disk, so that their ids survive a restart of the daemon. */
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SavedState } from '../core/tracker-messages.js';

const FILE_NAME = 'open-records.json';
const FORMAT_VERSION = 1;

/** JSON has no bigint, and a plain string could be mistaken for one that a process gave itself as its name. */
function replaceBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { $bigint: value.toString() } : value;
}

function reviveBigint(_key: string, value: unknown): unknown {
  if (typeof value === 'object' && value !== null && '$bigint' in value && typeof value.$bigint === 'string') {
    return BigInt(value.$bigint);
  }
  return value;
}

/** What was found on disk. `problem` says why nothing of it could be used; the file is then kept beside it. */
export interface LoadedState {
  readonly state: SavedState | null;
  readonly problem: string | null;
}

function isSavedState(value: unknown): value is { version: number; state: SavedState } {
  if (typeof value !== 'object' || value === null || !('version' in value) || !('state' in value)) {
    return false;
  }
  const { version, state } = value;
  return (
    version === FORMAT_VERSION &&
    typeof state === 'object' &&
    state !== null &&
    'bootId' in state &&
    typeof state.bootId === 'string' &&
    'entries' in state &&
    Array.isArray(state.entries)
  );
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
   * @throws Error if the directory cannot be made.
   */
  load(): LoadedState {
    mkdirSync(this.#directory, { recursive: true, mode: 0o750 });
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      return { state: null, problem: missing ? null : (error as Error).message };
    }
    try {
      const content: unknown = JSON.parse(text, reviveBigint);
      if (isSavedState(content)) {
        return { state: content.state, problem: null };
      }
    } catch {
      // Falls through: half a file and a file of another version are treated alike.
    }
    const aside = `${this.#path}.unreadable`;
    renameSync(this.#path, aside);
    return { state: null, problem: `${this.#path} cannot be understood; it was moved to ${aside}` };
  }

  /**
   * Replaces the file: a reader finds the old one or the new one, never half of one. Calls queue up.
   * @throws Error if the disk is full or the directory is gone; the old file stays.
   */
  async save(state: SavedState): Promise<void> {
    const text = JSON.stringify({ version: FORMAT_VERSION, state }, replaceBigint);
    const write = this.#writing.then(async () => {
      const temporary = `${this.#path}.new`;
      const file = await open(temporary, 'w', 0o640);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    });
    // A failed write must not keep the next one from being tried.
    this.#writing = write.catch(() => undefined);
    await write;
  }
}
