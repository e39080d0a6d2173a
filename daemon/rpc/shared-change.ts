/**
 * Changes as bytes, encoded once: the history writes them and every watch sends the same ones. In a storm, encoding is most
 * of what a subscriber costs: with it shared, ten subscribers cost little more than one.
 */
import protobuf from 'protobufjs/minimal.js';
import { stuckd } from './gen/stuckd.js';

/**
 * A `Change` as subscribers and disk get it. A type of its own, as every field of a message is optional: what has only bytes
 * would pass for an empty change.
 */
export interface EncodedChange {
  readonly bytes: Uint8Array;
}

/** What a watch sends: a `WatchStuckConnectionsResponse`. */
interface WatchResponse {
  readonly changes: readonly EncodedChange[];
  readonly resumeToken: string;
}

/**
 * Reused: a writer of its own grows step by step, all in the pages where its result stays, so that each change that waited
 * took several times its size outside of the heap.
 */
let scratch: protobuf.Writer | null = null;

/** @returns nothing but the bytes: of the changes that wait for disk and subscribers in a storm, the objects took far more. */
export function encodeChange(change: stuckd.v1.Change.$Properties): EncodedChange {
  const writer = scratch ?? protobuf.Writer.create();
  scratch = null; // should this fail half-way, the writer is not used again
  const bytes = stuckd.v1.Change.encode(change, writer).finish();
  scratch = writer.reset();
  return { bytes };
}

/** Field numbers as in proto/stuckd/v1/connection_service.proto; the generated code does not tell them. */
const RESPONSE_FIELDS = { changes: 1, resumeToken: 2 } as const;
const CHANGE_FIELDS = { opened: 4, updated: 5, ended: 6 } as const;

/** What stands before a field whose length follows: a message, bytes or text. */
function lengthDelimitedTag(field: number): number {
  return (field << 3) | 2;
}

const CHANGES_TAG = lengthDelimitedTag(RESPONSE_FIELDS.changes);
const RESUME_TOKEN_TAG = lengthDelimitedTag(RESPONSE_FIELDS.resumeToken);

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
  const token = Buffer.from(resumeToken);
  let size = token.length === 0 ? 0 : fieldSize(token.length);
  for (const change of changes) {
    size += fieldSize(change.bytes.length);
  }
  const bytes = responseBuffer(size);
  let position = 0;
  for (const change of changes) {
    position = writeFieldStart(bytes, position, CHANGES_TAG, change.bytes.length);
    bytes.set(change.bytes, position);
    position += change.bytes.length;
  }
  if (token.length > 0) {
    bytes.set(token, writeFieldStart(bytes, position, RESUME_TOKEN_TAG, token.length));
  }
  return bytes;
}

const WIRE_TYPE_MASK = 7;

/** These fields hold a connection. */
const CONNECTION_TAGS: ReadonlySet<number> = new Set(Object.values(CHANGE_FIELDS).map(lengthDelimitedTag));

/**
 * @returns the encoded connection inside a change: what has ended need not be encoded twice. Shares its memory.
 * @throws Error if it holds none, which is a defect; an empty one must not go to disk.
 */
export function connectionIn({ bytes }: EncodedChange): Uint8Array {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (CONNECTION_TAGS.has(tag)) {
      return reader.bytes();
    }
    reader.skipType(tag & WIRE_TYPE_MASK);
  }
  throw new Error('a change that opens, updates or ends no connection was to be kept as one');
}
