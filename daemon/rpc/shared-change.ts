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

/** As the generated `WatchStuckConnectionsResponse.encode`, with the bytes of changes that may have been made before. */
export function encodeWatchResponse({ changes, resumeToken }: WatchResponse): Buffer {
  const writer = protobuf.Writer.create();
  for (const change of changes ?? []) {
    writer.uint32(CHANGES_TAG).bytes(encodeChange(change));
  }
  if (resumeToken) {
    writer.uint32(RESUME_TOKEN_TAG).string(resumeToken);
  }
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
