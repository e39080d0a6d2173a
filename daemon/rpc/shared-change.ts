/**
 * Changes as bytes, encoded once: the history writes them and every watch sends the same ones. In a storm, encoding is most
 * of what a subscriber costs: with it shared, ten subscribers cost little more than one.
 */
import protobuf from 'protobufjs/minimal.js';
import { stuckd } from './gen/stuckd.js';

type Change = stuckd.v1.Change.$Properties;
type WatchResponse = stuckd.v1.WatchStuckConnectionsResponse.$Properties;

/** For as long as the message is needed: it is shared as well. */
const encoded = new WeakMap<Change, Uint8Array>();

/**
 * Reused: a writer of its own grows to 2 KiB in five steps, all in the pages where the 1.3 KiB of its result stay, so that
 * each change that waited took 5 KiB outside of the heap.
 */
let scratch: protobuf.Writer | null = null;

function encode(change: Change): Uint8Array {
  const writer = scratch ?? protobuf.Writer.create();
  scratch = null; // should this fail half-way, the writer is not used again
  const bytes = stuckd.v1.Change.encode(change, writer).finish();
  scratch = writer.reset();
  return bytes;
}

/** Nothing may be changed in the message afterwards. */
export function encodeChange(change: Change): Uint8Array {
  let bytes = encoded.get(change);
  if (bytes === undefined) {
    bytes = encode(change);
    encoded.set(change, bytes);
  }
  return bytes;
}

/**
 * @returns a message that stands for this one and has nothing but its bytes: of the changes that wait for disk and
 * subscribers in a storm, the objects took four times as much.
 */
export function bytesOnly(change: Change): Change {
  const standIn: Change = {};
  encoded.set(standIn, encode(change));
  return standIn;
}

const LENGTH_DELIMITED = 2;
const CHANGES_TAG = (1 << 3) | LENGTH_DELIMITED;
const RESUME_TOKEN_TAG = (2 << 3) | LENGTH_DELIMITED;

const VARINT_BITS = 7;
const VARINT_MORE = 1 << VARINT_BITS;

/** @returns bytes of a field with so many bytes of content: one for its tag, a varint, and the content. */
function fieldSize(length: number): number {
  let size = 2 + length;
  for (let rest = length >>> VARINT_BITS; rest > 0; rest >>>= VARINT_BITS) {
    size += 1;
  }
  return size;
}

/** @returns where the content of the field begins */
function writeFieldStart(target: Uint8Array, position: number, tag: number, length: number): number {
  target[position] = tag;
  position += 1;
  let rest = length;
  for (; rest >= VARINT_MORE; rest >>>= VARINT_BITS) {
    target[position] = (rest & (VARINT_MORE - 1)) | VARINT_MORE;
    position += 1;
  }
  target[position] = rest;
  return position + 1;
}

/** Of a full response of ordinary changes; one that is larger gets memory of its own. */
const ROOM_BYTES = 512 * 1024;
let room: Buffer | null = null;

function responseBuffer(size: number): Buffer {
  if (size > ROOM_BYTES) {
    return Buffer.allocUnsafe(size);
  }
  room ??= Buffer.allocUnsafeSlow(ROOM_BYTES);
  return room.subarray(0, size);
}

/**
 * As the generated `WatchStuckConnectionsResponse.encode`, with the bytes of changes that were made before. The memory of the
 * result is used again by the next call: grpc-js copies it behind the header of its frame before anything else happens. In a
 * burst, memory of its own for each response made the garbage collector most of what a subscriber costs.
 */
export function encodeWatchResponse({ changes, resumeToken }: WatchResponse): Buffer {
  const parts = (changes ?? []).map(encodeChange);
  const token = Buffer.from(resumeToken ?? '');
  let size = token.length === 0 ? 0 : fieldSize(token.length);
  for (const { length } of parts) {
    size += fieldSize(length);
  }
  const bytes = responseBuffer(size);
  let position = 0;
  for (const part of parts) {
    position = writeFieldStart(bytes, position, CHANGES_TAG, part.length);
    bytes.set(part, position);
    position += part.length;
  }
  if (token.length > 0) {
    bytes.set(token, writeFieldStart(bytes, position, RESUME_TOKEN_TAG, token.length));
  }
  return bytes;
}

const WIRE_TYPE_MASK = 7;

/** Tags of the fields `opened`, `updated` and `ended`, which all hold a connection. */
const CONNECTION_TAGS: ReadonlySet<number> = new Set([4, 5, 6].map((field) => (field << 3) | LENGTH_DELIMITED));

/** @returns the encoded connection inside an encoded change: what has ended need not be encoded twice. Shares its memory. */
export function connectionIn(change: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(change);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (CONNECTION_TAGS.has(tag)) {
      return reader.bytes();
    }
    reader.skipType(tag & WIRE_TYPE_MASK);
  }
  return new Uint8Array(0);
}
