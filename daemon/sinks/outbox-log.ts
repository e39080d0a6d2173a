/**
 * The file behind the outbox: records are appended, one line each, and now and then the file is written anew with what
 * still counts. A log of our own and no embedded store, for what happens when things go wrong: an append is in the kernel
 * before the call returns, so that no kill -9 after it loses anything; a full disk is an error code here, while a store
 * that maps its files gets SIGBUS; and what was half written when the machine lost power is one line without its checksum.
 * The volume is tiny.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_NAME = 'outbox.log';
const VERSION_LINE = { k: 'stuckd-outbox', version: 1 };

/** Below this size the file is not written anew. */
const REWRITE_BYTES_MIN = 1024 * 1024;
/** It is when it has grown to this many times what counted the last time. */
const REWRITE_GROWTH = 4;

/** Lines that are written in one go while the file is written anew; other work gets its turn after each. */
const BATCH_LINES = 100;

const CHECKSUM_LENGTH = 8;

/** What was found on disk. */
export interface LoadedLog {
  readonly records: readonly unknown[];
  /** Empty, or what of the file was of no use, for a person. */
  readonly problem: string;
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, CHECKSUM_LENGTH);
}

function toLine(record: object): string {
  const text = JSON.stringify(record);
  return `${checksum(text)} ${text}\n`;
}

/** @returns undefined if it is not a whole line of ours. */
function fromLine(line: string): unknown {
  const text = line.slice(CHECKSUM_LENGTH + 1);
  return line[CHECKSUM_LENGTH] === ' ' && checksum(text) === line.slice(0, CHECKSUM_LENGTH)
    ? JSON.parse(text)
    : undefined;
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Not with `recursive`, which reports a read-only disk as ENOENT. @throws Error of the system */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) {
      throw error;
    }
  }
}

function writeWhole(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) {
    written += writeSync(fd, bytes, written);
  }
  return bytes.length;
}

export class OutboxLog {
  readonly #directory: string;
  readonly #path: string;
  readonly #onProblem: (problem: string) => void;
  #fd: number | null = null;
  /** Nothing counts, and there is no file: the next append makes one. */
  #isResting = false;
  #bytes = 0;
  #rewriteAtBytes = REWRITE_BYTES_MIN;
  #problem = '';
  /** Lines that came while the file was being written anew, to be added to the new one. */
  #meanwhile: string[] | null = null;
  #syncing: Promise<void> | null = null;
  #unsynced = false;

  /** @param onProblem gets why nothing is written any more, and an empty text when it is again */
  constructor(directory: string, onProblem: (problem: string) => void) {
    this.#directory = directory;
    this.#path = join(directory, FILE_NAME);
    this.#onProblem = onProblem;
  }

  /** Empty, or why what is accepted is in memory only. */
  get problem(): string {
    return this.#problem;
  }

  /** The file holds much that does not count any more, or nothing is written to it: {@link rewrite} mends both. */
  get wantsRewrite(): boolean {
    return this.#meanwhile === null && (this.#fd === null || this.#bytes > this.#rewriteAtBytes);
  }

  /** Reads what the last run left. Nothing is appended before the first {@link rewrite} or {@link rest}. */
  load(): LoadedLog {
    let text: string;
    try {
      makeDirectory(this.#directory);
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      // Without a file there was nothing; a directory that cannot be made is told when the file is to be written.
      const absent = hasCode(error, 'ENOENT') || !existsSync(this.#path);
      return { records: [], problem: absent ? '' : this.#moveAside(errorText(error)) };
    }
    const lines = text.split('\n');
    // What follows the last newline was being written when the machine stopped; it had not been accepted.
    lines.pop();
    const parsed = lines.map(fromLine);
    const [first, ...records] = parsed;
    if (lines.length > 0 && JSON.stringify(first) !== JSON.stringify(VERSION_LINE)) {
      return { records: [], problem: this.#moveAside('it is not an outbox of this version') };
    }
    const whole = records.filter((record) => record !== undefined);
    const torn = records.length - whole.length;
    return { records: whole, problem: torn === 0 ? '' : `${torn} damaged lines of ${this.#path} were skipped` };
  }

  /** After it returned, the records survive the death of this process; soon after, that of the machine. Never throws. */
  append(records: readonly object[]): void {
    const text = records.map(toLine).join('');
    this.#meanwhile?.push(text);
    if ((this.#fd === null && !this.#isResting) || text === '') {
      return;
    }
    const isNew = this.#isResting;
    try {
      this.#bytes += writeWhole(this.#fd ?? this.#create(), isNew ? toLine(VERSION_LINE) + text : text);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#unsynced = true;
    this.#syncing ??= this.#sync(isNew).finally(() => {
      this.#syncing = null;
    });
  }

  /**
   * Nothing counts: the file is closed and removed, until something is appended. A daemon without receivers never has one,
   * and holds no disk that somebody wants to unmount. Never throws.
   */
  rest(): void {
    if (this.#isResting || this.#meanwhile !== null || this.#syncing !== null) {
      return;
    }
    try {
      rmSync(this.#path, { force: true });
      this.#closeFile();
      this.#isResting = true;
      this.#setProblem('');
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Writes the file anew: a reader finds the old one or the new one. Never rejects.
   * @param records everything that counts now
   */
  async rewrite(records: readonly object[]): Promise<void> {
    if (this.#meanwhile !== null) {
      return;
    }
    this.#meanwhile = [];
    const temporary = `${this.#path}.new`;
    let fd: number | null = null;
    try {
      makeDirectory(this.#directory);
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.appendFile(toLine(VERSION_LINE));
        for (let start = 0; start < records.length; start += BATCH_LINES) {
          await file.appendFile(
            records
              .slice(start, start + BATCH_LINES)
              .map(toLine)
              .join(''),
          );
        }
        await file.sync();
      } finally {
        await file.close();
      }
      fd = openSync(temporary, 'a');
      // Nothing may come between the last line and the rename, or it would be in the old file only.
      writeWhole(fd, this.#meanwhile.join(''));
      renameSync(temporary, this.#path);
      this.#take(fd);
      fd = null;
      await this.#syncDirectory();
    } catch (error) {
      if (fd !== null) {
        closeSync(fd);
      }
      // What is half written would keep a full disk full.
      await rm(temporary, { force: true }).catch(() => undefined);
      if (this.#fd === null) {
        this.#setProblem(errorText(error));
      } else {
        // The old file is as good as before; it has only grown.
        this.#rewriteAtBytes = this.#bytes * 2;
      }
    } finally {
      this.#meanwhile = null;
    }
  }

  /** Nothing is appended afterwards. */
  async close(): Promise<void> {
    await this.#syncing;
    this.#isResting = false;
    this.#closeFile();
  }

  /** @returns a new file, which holds nothing yet, not even its first line. @throws Error of the system */
  #create(): number {
    this.#isResting = false;
    makeDirectory(this.#directory);
    const fd = openSync(this.#path, 'ax', 0o600);
    this.#take(fd);
    return fd;
  }

  #closeFile(): void {
    if (this.#fd !== null) {
      closeSync(this.#fd);
      this.#fd = null;
    }
  }

  /** So that the new name survives a loss of power as well; without it, the old file does. */
  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory, 'r');
    await directory.sync().catch(() => undefined);
    await directory.close();
  }

  #take(fd: number): void {
    this.#closeFile();
    this.#fd = fd;
    this.#isResting = false;
    this.#bytes = fstatSync(fd).size;
    this.#rewriteAtBytes = Math.max(REWRITE_BYTES_MIN, this.#bytes * REWRITE_GROWTH);
    this.#setProblem('');
  }

  #fail(error: unknown): void {
    // What is half written stays the last line, which the next start skips: the file is only replaced from now on.
    this.#closeFile();
    this.#setProblem(errorText(error));
  }

  #setProblem(problem: string): void {
    const changed = problem !== this.#problem;
    this.#problem = problem;
    if (changed) {
      this.#onProblem(problem);
    }
  }

  /** One at a time; what is appended meanwhile is synced by the next. @param isNew the name of the file is as well */
  async #sync(isNew: boolean): Promise<void> {
    if (isNew) {
      await this.#syncDirectory().catch(() => undefined);
    }
    while (this.#unsynced && this.#fd !== null) {
      this.#unsynced = false;
      const fd = this.#fd;
      const error = await new Promise<Error | null>((resolve) => {
        fdatasync(fd, resolve);
      });
      if (this.#fd === fd && error !== null) {
        this.#fail(error);
      } else if (this.#fd === fd && fstatSync(fd).nlink === 0) {
        this.#fail(new Error(`${this.#path} was removed`));
      }
    }
  }

  /** @returns what to tell about a file that cannot be used. */
  #moveAside(reason: string): string {
    const aside = `${this.#path}.unreadable`;
    try {
      renameSync(this.#path, aside);
    } catch (error) {
      return `${this.#path} cannot be used (${reason}), nor moved: ${errorText(error)}`;
    }
    return `${this.#path} cannot be used (${reason}); it was moved to ${aside}`;
  }
}
