/** Cuts the sensor's stream into records. */
import { LITTLE_ENDIAN } from './fields.js';
import type { Frame, RecordKind } from './frame.js';
import { RECORD_HEADER, RECORD_HEADER_SIZE, RECORD_SIZE_BY_KIND, SENSOR_RECORD_MAX } from './layout.generated.js';
import { WireError } from './wire-error.js';

/** The frames that a chunk completed, and the error that ended the stream after them, if any. */
export interface FrameBatch {
  readonly frames: readonly Frame[];
  readonly error: WireError | null;
}

interface Header {
  readonly size: number;
  readonly kind: RecordKind;
  readonly cause: number;
}

/** @throws WireError if the header at `position` cannot be that of a record. */
function readHeader(view: DataView, position: number, offset: number): Header {
  const size = view.getUint32(position + RECORD_HEADER.size, LITTLE_ENDIAN);
  const kind = view.getUint16(position + RECORD_HEADER.kind, LITTLE_ENDIAN);
  const cause = view.getUint16(position + RECORD_HEADER.cause, LITTLE_ENDIAN);
  if (size < RECORD_HEADER_SIZE || size > SENSOR_RECORD_MAX || size % 8 !== 0) {
    const expected = `a multiple of 8 from ${RECORD_HEADER_SIZE} to ${SENSOR_RECORD_MAX}`;
    throw new WireError('bad_size', offset + RECORD_HEADER.size, `a record of ${size} bytes, not ${expected}`);
  }
  const expectedSize = RECORD_SIZE_BY_KIND[kind];
  if (expectedSize === undefined) {
    const known = `1 to ${RECORD_SIZE_BY_KIND.length - 1}`;
    throw new WireError('unknown_kind', offset + RECORD_HEADER.kind, `a record of kind ${kind}, not ${known}`);
  }
  if (size !== expectedSize) {
    throw new WireError(
      'bad_size',
      offset + RECORD_HEADER.size,
      `a record of kind ${kind} and ${size} bytes, not ${expectedSize}: ` + 'sensor and daemon are of different builds',
    );
  }
  return { size, kind: kind as RecordKind, cause };
}

/**
 * A synchronous push decoder. Records that lie inside one chunk are not copied; of a record that spans chunks at most
 * SENSOR_RECORD_MAX bytes are kept. After an error it takes no more input: the position of the next record is unknown.
 */
export class FrameDecoder {
  #error: WireError | null = null;
  /** Bytes of all chunks before the present one. */
  #streamLength = 0;
  readonly #partialHeader = new Uint8Array(RECORD_HEADER_SIZE);
  /** The record that spans chunks, as soon as its size is known; a new array each time, as frames keep it. */
  #partialRecord: Uint8Array | null = null;
  #partialLength = 0;

  /**
   * Takes the next bytes of the stream.
   * @returns the records that they complete. With `error` set, these records precede it and are good; every later call
   *     returns no records and the same error.
   */
  push(chunk: Uint8Array): FrameBatch {
    const frames: Frame[] = [];
    if (this.#error === null) {
      try {
        this.#cut(chunk, frames);
        this.#streamLength += chunk.length;
      } catch (error) {
        if (!(error instanceof WireError)) {
          throw error;
        }
        this.#error = error;
      }
    }
    return { frames, error: this.#error };
  }

  /** To be called at the end of the stream. @returns an error if it ended inside a record, or had one before. */
  end(): WireError | null {
    if (this.#error === null && this.#partialLength > 0) {
      const whole = this.#partialRecord === null ? 'its header' : `its ${this.#partialRecord.length} bytes`;
      const problem = `the stream ended after ${this.#partialLength} bytes of a record, not after ${whole}`;
      this.#error = new WireError('truncated', this.#streamLength, problem);
    }
    return this.#error;
  }

  #cut(chunk: Uint8Array, frames: Frame[]): void {
    let position = this.#partialLength > 0 ? this.#resume(chunk, frames) : 0;
    if (position === chunk.length) {
      return;
    }
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    while (chunk.length - position >= RECORD_HEADER_SIZE) {
      const offset = this.#streamLength + position;
      const { size, kind, cause } = readHeader(view, position, offset);
      if (chunk.length - position < size) {
        this.#partialRecord = new Uint8Array(size);
        this.#partialRecord.set(chunk.subarray(position));
        this.#partialLength = chunk.length - position;
        return;
      }
      frames.push({ view, position, offset, kind, cause });
      position += size;
    }
    this.#partialHeader.set(chunk.subarray(position));
    this.#partialLength = chunk.length - position;
  }

  /** Goes on with a record that an earlier chunk began. @returns how many bytes of `chunk` it took. */
  #resume(chunk: Uint8Array, frames: Frame[]): number {
    const offset = this.#streamLength - this.#partialLength;
    let taken = 0;
    if (this.#partialRecord === null) {
      taken = this.#take(chunk, 0, this.#partialHeader);
      if (this.#partialLength < RECORD_HEADER_SIZE) {
        return taken;
      }
      const { size } = readHeader(new DataView(this.#partialHeader.buffer), 0, offset);
      this.#partialRecord = new Uint8Array(size);
      this.#partialRecord.set(this.#partialHeader);
    }
    const record = this.#partialRecord;
    taken += this.#take(chunk, taken, record);
    if (this.#partialLength === record.length) {
      const view = new DataView(record.buffer);
      const { kind, cause } = readHeader(view, 0, offset);
      frames.push({ view, position: 0, offset, kind, cause });
      this.#partialRecord = null;
      this.#partialLength = 0;
    }
    return taken;
  }

  /** Copies from `chunk` what `target` still lacks. @returns how many bytes that were. */
  #take(chunk: Uint8Array, from: number, target: Uint8Array): number {
    const count = Math.min(target.length - this.#partialLength, chunk.length - from);
    target.set(chunk.subarray(from, from + count), this.#partialLength);
    this.#partialLength += count;
    return count;
  }
}
