/** Reads a log whose files are appended to, and removed, meanwhile. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LogEntry, LogGapError } from '../core/history.js';
import { type LogFiles, type Segment, SEGMENT_START } from './log-files.js';

/** The frames of one segment, a chunk at a time. @returns where its readable part ends */
export async function* readSegment(
  files: LogFiles,
  segment: Segment,
): AsyncGenerator<readonly LogEntry[], { readonly end: number }> {
  let offset = SEGMENT_START;
  for (;;) {
    const { entries, bytes } = await files.read(segment, offset);
    if (entries.length === 0) {
      return { end: offset };
    }
    offset += bytes;
    yield entries;
  }
}

/** What can be read of several segments. @param onEnd gets each that was read: how long it should be, and was */
export async function* readSegments(
  files: LogFiles,
  segments: readonly Segment[],
  onEnd: (segment: Segment, bytes: number, end: number) => void,
): AsyncGenerator<readonly LogEntry[]> {
  for (const segment of segments) {
    const { bytes } = segment;
    try {
      const { end } = yield* readSegment(files, segment);
      onEnd(segment, bytes, end);
    } catch {
      // Removed meanwhile, or on a disk that fails: what can be read elsewhere still helps.
    }
  }
}

/** An entry that is in memory. */
export interface Pending {
  readonly sequence: number;
  /** Makes it, once. */
  readonly entry: () => LogEntry;
}

/** Entries that are made before other work gets its turn. */
const MADE_PER_TURN = 32;

/** What is in memory, but what cannot be made, which is a defect; writing it tells that. */
export async function* readWaiting(waiting: readonly Pending[]): AsyncGenerator<readonly LogEntry[]> {
  for (let start = 0; start < waiting.length; start += MADE_PER_TURN) {
    yield waiting.slice(start, start + MADE_PER_TURN).flatMap(({ entry }) => {
      try {
        return entry();
      } catch {
        return [];
      }
    });
    await nextTurn();
  }
}

/**
 * Entries on disk after `after`, up to and with `last`, complete and in order.
 * @throws LogGapError if there is not every one of them
 */
export async function* readRange(
  files: LogFiles,
  segments: readonly Segment[],
  after: number,
  last: number,
): AsyncGenerator<readonly LogEntry[]> {
  let position = after;
  const start = segments.findLastIndex(({ first }) => first <= after + 1);
  for (const segment of segments.slice(Math.max(start, 0))) {
    try {
      for await (const entries of readSegment(files, segment)) {
        const wanted = entries.filter(({ sequence }) => sequence > position && sequence <= last);
        for (const { sequence } of wanted) {
          if (sequence !== position + 1) {
            throw new LogGapError(`entry ${position + 1} is missing`);
          }
          position = sequence;
        }
        if (wanted.length > 0) {
          yield wanted;
        }
        if (position >= last) {
          return;
        }
      }
    } catch (error) {
      // A file that was removed for its age, or cannot be read, leaves a gap like any other.
      throw error instanceof LogGapError ? error : new LogGapError(String(error), { cause: error });
    }
  }
  if (position < last) {
    throw new LogGapError(`entry ${position + 1} is missing`);
  }
}
