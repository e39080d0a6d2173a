/**
 * The frames of a log on disk. Little endian:
 *
 *   u32 length of what follows the checksum | u32 CRC-32C of it | f64 sequence | f64 time | u16 label length | label | payload
 *
 * A frame is whole or it does not count: a file ends at the first one that is not.
 */
import type { LogEntry } from '../core/history.js';
import { crc32c } from './crc32c.js';

const HEADER_BYTES = 8;
const FIXED_BYTES = 18;
const LABEL_BYTES_MAX = 0xffff;

/** A larger length is damage: without this bound it would have to be believed, and read. */
export const FRAME_BYTES_MAX = 1 << 20;

/** @throws RangeError if the entry is larger than a reader would take. */
export function encodeFrame({ sequence, timeUs, label, payload }: LogEntry): Buffer {
  const labelBytes = Buffer.from(label);
  const bodyBytes = FIXED_BYTES + labelBytes.length + payload.length;
  if (labelBytes.length > LABEL_BYTES_MAX || HEADER_BYTES + bodyBytes > FRAME_BYTES_MAX) {
    throw new RangeError(`an entry of ${bodyBytes} bytes is too large for a log`);
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  frame.writeUInt32LE(bodyBytes, 0);
  frame.writeDoubleLE(sequence, 8);
  frame.writeDoubleLE(timeUs, 16);
  frame.writeUInt16LE(labelBytes.length, 24);
  frame.set(labelBytes, HEADER_BYTES + FIXED_BYTES);
  frame.set(payload, HEADER_BYTES + FIXED_BYTES + labelBytes.length);
  frame.writeUInt32LE(crc32c(frame.subarray(HEADER_BYTES)), 4);
  return frame;
}

export interface DecodedFrames {
  readonly entries: readonly LogEntry[];
  /** Bytes that the whole frames took. */
  readonly bytes: number;
  /** What comes next is damaged; false if it is merely not all there. */
  readonly isDamaged: boolean;
}

function decodeFrame(body: Buffer): LogEntry | null {
  const payloadStart = FIXED_BYTES + body.readUInt16LE(16);
  const sequence = body.readDoubleLE(0);
  if (payloadStart > body.length || !Number.isSafeInteger(sequence)) {
    return null;
  }
  return {
    sequence,
    timeUs: body.readDoubleLE(8),
    label: body.toString('utf8', FIXED_BYTES, payloadStart),
    payload: body.subarray(payloadStart),
  };
}

/** Decodes whole frames from the start of `bytes`; payloads share its memory. */
export function decodeFrames(bytes: Buffer): DecodedFrames {
  const entries: LogEntry[] = [];
  let position = 0;
  while (position + HEADER_BYTES <= bytes.length) {
    const bodyBytes = bytes.readUInt32LE(position);
    if (bodyBytes < FIXED_BYTES || HEADER_BYTES + bodyBytes > FRAME_BYTES_MAX) {
      return { entries, bytes: position, isDamaged: true };
    }
    const end = position + HEADER_BYTES + bodyBytes;
    if (end > bytes.length) {
      break;
    }
    const body = bytes.subarray(position + HEADER_BYTES, end);
    const entry = crc32c(body) === bytes.readUInt32LE(position + 4) ? decodeFrame(body) : null;
    if (entry === null) {
      return { entries, bytes: position, isDamaged: true };
    }
    entries.push(entry);
    position = end;
  }
  return { entries, bytes: position, isDamaged: false };
}
