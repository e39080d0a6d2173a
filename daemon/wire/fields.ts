/**
 * Reads of single fields at generated offsets. An offset carries the C type of its field, so that a read of the wrong
 * width or signedness does not compile, also after a field of sensor_wire.h has changed its type.
 *
 * The stream is in host byte order; every machine that the sensor is built for is little endian.
 */
import type { Endpoint } from '../core/snapshot.js';
import { formatAddress } from './address-text.js';
import type { Frame } from './frame.js';
import type { Offset, TextField } from './offset.js';
import { WireError } from './wire-error.js';

type Time = 'mono_us_t' | 'real_us_t' | 'boot_us_t' | 'jiffies64_t';

export const LITTLE_ENDIAN = true;

const TWO_TO_32 = 2 ** 32;
/** High halves from here on make a u64 exceed Number.MAX_SAFE_INTEGER. */
const HIGH_HALF_LIMIT = 2 ** 21;

// fatal: false, as the names of processes are bytes of anybody's choice; ignoreBOM, as they are no documents.
const UTF8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

export function readU8(frame: Frame, offset: Offset<'__u8'>): number {
  return frame.view.getUint8(frame.position + offset);
}

export function readU16(frame: Frame, offset: Offset<'__u16'>): number {
  return frame.view.getUint16(frame.position + offset, LITTLE_ENDIAN);
}

export function readU32(frame: Frame, offset: Offset<'__u32'>): number {
  return frame.view.getUint32(frame.position + offset, LITTLE_ENDIAN);
}

export function readS32(frame: Frame, offset: Offset<'__s32'>): number {
  return frame.view.getInt32(frame.position + offset, LITTLE_ENDIAN);
}

/**
 * A point in time: microseconds or jiffies. Two 32-bit reads, as a bigint in between would cost more than all else.
 * @throws WireError `out_of_range` above Number.MAX_SAFE_INTEGER: 285 years of microseconds, so it is no time.
 */
export function readTime(frame: Frame, offset: Offset<Time>): number {
  const high = frame.view.getUint32(frame.position + offset + 4, LITTLE_ENDIAN);
  if (high >= HIGH_HALF_LIMIT) {
    throw new WireError('out_of_range', frame.offset + offset, 'a time above 2^53; less was expected');
  }
  return high * TWO_TO_32 + frame.view.getUint32(frame.position + offset, LITTLE_ENDIAN);
}

/** A count. Above 2^53 it is rounded, not refused: 9 PB on one connection are rare, but legal. */
export function readCount(frame: Frame, offset: Offset<'__u64'>): number {
  return (
    frame.view.getUint32(frame.position + offset + 4, LITTLE_ENDIAN) * TWO_TO_32 +
    frame.view.getUint32(frame.position + offset, LITTLE_ENDIAN)
  );
}

/** An identifier, all 64 bits of it. */
export function readId(frame: Frame, offset: Offset<'opaque64_t' | '__u64'>): bigint {
  return frame.view.getBigUint64(frame.position + offset, LITTLE_ENDIAN);
}

/** Text up to the first NUL, or the whole field; bytes that are not UTF-8 become U+FFFD. */
export function readText(frame: Frame, field: TextField): string {
  const bytes = new Uint8Array(frame.view.buffer, frame.view.byteOffset + frame.position + field.offset, field.length);
  const end = bytes.indexOf(0);
  return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** One end of a connection. */
export function readEndpoint(frame: Frame, address: Offset<'__u8[16]'>, port: Offset<'__u16'>): Endpoint {
  return { address: formatAddress(frame.view, frame.position + address), port: readU16(frame, port) };
}
