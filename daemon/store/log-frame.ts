/**
 * The frames of a log on disk. Little endian:
 *
 *   u32 length of what follows the checksum | u32 CRC-32C of it | f64 sequence | f64 time | u16 label length | label | payload
 *
 * A frame is whole or it does not count: a file ends at the first one that is not. `frame-batch.ts` makes them.
 */
import type { LogEntry } from '../core/history.js';
import { crc32c } from './crc32c.js';

/** Length and checksum. */
export const HEADER_BYTES = 8;
/** From the sequence number to the length of the label. */
export const FIXED_BYTES = 18;
export const LABEL_BYTES_MAX = 0xffff;

/** A larger length is damage: without this bound it would have to be believed, and read. */
export const FRAME_BYTES_MAX = 1 << 20;

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
