/**
 * The files of a log: a directory of segments, each named for the sequence number of its first entry. A file is opened
 * for each batch that is written or read and closed again: so a directory that was deleted, mounted over or made read-only
 * is noticed at the next batch, and nothing holds a file system busy.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeFrames, type DecodedFrames, FRAME_BYTES_MAX } from './log-frame.js';

/** First line of a segment, so that a person, and the next version, can tell what it is; then whose it is. */
const FIRST_LINE = /^stuckd log 1 ([0-9a-f-]{36})\n$/;
const NAME = /^(\d{16})-[0-9a-f]{8}\.log$/;
const CHUNK_BYTES = 256 * 1024;

/** Where the first frame of a segment begins. */
export const SEGMENT_START = `stuckd log 1 ${'-'.repeat(36)}\n`.length;

export interface Segment {
  readonly path: string;
  /** Sequence number of its first entry. */
  readonly first: number;
  /** A UUID that says who wrote it; nobody else adds to it. */
  readonly owner: string;
  readonly createdMs: number;
  /** False if its end is damaged: nobody would read what is added behind that. */
  canGrow: boolean;
  /** Where the next frame goes. */
  bytes: number;
  /** When it was written last, milliseconds since 1970. */
  writtenMs: number;
}

export class LogFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Makes the directory if it is not there.
   * @returns its segments, oldest first; and what had to be moved aside, since it is of another format, a sentence each
   */
  async list(): Promise<{ readonly segments: Segment[]; readonly movedAside: readonly string[] }> {
    await mkdir(this.#directory, { recursive: true, mode: 0o750 });
    const segments: Segment[] = [];
    const movedAside: string[] = [];
    for (const name of await readdir(this.#directory)) {
      const first = NAME.exec(name)?.[1];
      if (first === undefined) {
        continue;
      }
      const path = join(this.#directory, name);
      const file = await open(path, 'r');
      try {
        const { size, mtimeMs, birthtimeMs } = await file.stat();
        const { buffer, bytesRead } = await file.read(Buffer.alloc(SEGMENT_START), 0, SEGMENT_START, 0);
        const owner = FIRST_LINE.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
        if (size < SEGMENT_START) {
          await rm(path, { force: true }); // the process ended, or the disk was full, as it was made
        } else if (owner !== undefined) {
          segments.push({
            path,
            first: Number(first),
            owner,
            createdMs: birthtimeMs,
            canGrow: true,
            bytes: size,
            writtenMs: mtimeMs,
          });
        } else {
          // One name for all of them: the newest is kept, so that they cannot fill the disk.
          const aside = join(this.#directory, 'unreadable');
          await rename(path, aside);
          movedAside.push(`${path} is no log of this version; it was moved to ${aside}`);
        }
      } finally {
        await file.close();
      }
    }
    // Of two with the same number the one before is empty.
    return { segments: segments.sort((a, b) => a.first - b.first || a.bytes - b.bytes), movedAside };
  }

  /**
   * @param first sequence number of the entry that will be written first
   * @param owner a UUID
   */
  async create(first: number, owner: string): Promise<Segment> {
    await mkdir(this.#directory, { recursive: true, mode: 0o750 });
    const path = join(this.#directory, `${first.toString().padStart(16, '0')}-${owner.slice(0, 8)}.log`);
    await writeFile(path, `stuckd log 1 ${owner}\n`, { mode: 0o640 });
    const nowMs = Date.now();
    return { path, first, owner, createdMs: nowMs, canGrow: true, bytes: SEGMENT_START, writtenMs: nowMs };
  }

  /**
   * Writes whole frames at the end of a segment. After an error nothing of them counts: the next write begins at the same
   * place.
   */
  async append(segment: Segment, frames: Buffer): Promise<void> {
    const file = await open(segment.path, 'r+');
    try {
      for (let written = 0; written < frames.length;) {
        const part = await file.write(frames, written, frames.length - written, segment.bytes + written);
        written += part.bytesWritten;
      }
    } finally {
      await file.close();
    }
    segment.bytes += frames.length;
    segment.writtenMs = Date.now();
  }

  /** Reads some whole frames from `offset`; none at the end of what is readable. */
  async read(segment: Segment, offset: number): Promise<DecodedFrames> {
    const file = await open(segment.path, 'r');
    try {
      const decoded = await readFrames(file, offset, CHUNK_BYTES);
      const isCut = decoded.entries.length === 0 && !decoded.isDamaged;
      return isCut ? await readFrames(file, offset, FRAME_BYTES_MAX) : decoded;
    } finally {
      await file.close();
    }
  }

  async remove(segment: Segment): Promise<void> {
    await rm(segment.path, { force: true });
  }
}

async function readFrames(file: FileHandle, offset: number, bytes: number): Promise<DecodedFrames> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(bytes), 0, bytes, offset);
  return decodeFrames(buffer.subarray(0, bytesRead));
}
