/**
 * Frames of a log one behind the other, as they go to disk in one write. They are made in place: a buffer for each, and one
 * more for all of them, made a storm take more outside of the heap.
 */
import type { LogEntry } from '../core/history.js';
import { crc32c } from './crc32c.js';
import { FIXED_BYTES, FRAME_BYTES_MAX, HEADER_BYTES, LABEL_BYTES_MAX } from './log-frame.js';

/** Room for the changes of a quiet minute. */
const START_BYTES = 16 * 1024;

export class FrameBatch {
  #room = Buffer.allocUnsafeSlow(START_BYTES);
  #length = 0;

  /** What has been added. Good until more is. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** @throws RangeError if the entry is larger than a reader would take; nothing is added then. */
  add({ sequence, timeUs, label, payload }: LogEntry): void {
    const labelBytes = Buffer.byteLength(label);
    const bodyBytes = FIXED_BYTES + labelBytes + payload.length;
    if (labelBytes > LABEL_BYTES_MAX || HEADER_BYTES + bodyBytes > FRAME_BYTES_MAX) {
      throw new RangeError(`an entry of ${bodyBytes} bytes is too large for a log`);
    }
    const start = this.#length;
    const end = start + HEADER_BYTES + bodyBytes;
    this.#makeRoom(end);
    const room = this.#room;
    room.writeUInt32LE(bodyBytes, start);
    room.writeDoubleLE(sequence, start + 8);
    room.writeDoubleLE(timeUs, start + 16);
    room.writeUInt16LE(labelBytes, start + 24);
    room.write(label, start + HEADER_BYTES + FIXED_BYTES);
    room.set(payload, end - payload.length);
    room.writeUInt32LE(crc32c(room.subarray(start + HEADER_BYTES, end)), start + 4);
    this.#length = end;
  }

  /** Begins anew, in the same room. */
  clear(): void {
    this.#length = 0;
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#room.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#room.length));
      larger.set(this.bytes);
      this.#room = larger;
    }
  }
}
