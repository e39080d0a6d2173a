/**
 * Proves that the frame decoder finds the same records however the stream is cut, refuses every malformed header where
 * it stands, and keeps no more than one record. Cannot prove that what is inside a frame makes sense: that is
 * record-decoder.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FrameBatch, FrameDecoder } from '../../../daemon/wire/frame-decoder.js';
import {
  RECORD_HEADER,
  RECORD_HEADER_SIZE,
  RECORD_KIND,
  SENSOR_RECORD_MAX,
} from '../../../daemon/wire/layout.generated.js';
import type { WireErrorCode } from '../../../daemon/wire/wire-error.js';
import { concatenate, goldenBytes, RECORD_TYPES } from './golden.js';

const SOCKET = goldenBytes('socket');
const CLOCK = goldenBytes('clock');

function header(size: number, kind: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(RECORD_HEADER.size, size, true);
  view.setUint16(RECORD_HEADER.kind, kind, true);
  return bytes;
}

function bytesOfFrames({ frames }: FrameBatch, sizes: readonly number[]): Uint8Array[] {
  return frames.map(({ view, position }, index) => {
    return new Uint8Array(view.buffer, view.byteOffset + position, sizes[index]);
  });
}

describe('FrameDecoder', () => {
  test('a chunk of whole records is cut without copying', () => {
    const chunk = concatenate([SOCKET, CLOCK, SOCKET]);
    const batch = new FrameDecoder().push(chunk);
    assert.equal(batch.error, null);
    assert.deepEqual(
      batch.frames.map(({ kind, cause, offset, position }) => ({ kind, cause, offset, position })),
      [
        { kind: RECORD_KIND.RECORD_SOCKET, cause: 3, offset: 0, position: 0 },
        { kind: RECORD_KIND.RECORD_CLOCK, cause: 0, offset: SOCKET.length, position: SOCKET.length },
        { kind: RECORD_KIND.RECORD_SOCKET, cause: 3, offset: 376, position: 376 },
      ],
    );
    for (const { view } of batch.frames) {
      assert.equal(view.buffer, chunk.buffer);
    }
  });

  test('a chunk may begin anywhere in its buffer', () => {
    const buffer = concatenate([new Uint8Array(3), CLOCK, CLOCK]);
    const batch = new FrameDecoder().push(buffer.subarray(3));
    assert.deepEqual(bytesOfFrames(batch, [CLOCK.length, CLOCK.length]), [CLOCK, CLOCK]);
  });

  test('one byte at a time, each record comes with its last byte and not before', () => {
    const decoder = new FrameDecoder();
    let offset = 0;
    for (const type of RECORD_TYPES) {
      const record = goldenBytes(type);
      for (const [index, byte] of record.entries()) {
        const batch = decoder.push(Uint8Array.of(byte));
        assert.equal(batch.error, null);
        if (index < record.length - 1) {
          assert.equal(batch.frames.length, 0, `${type}, byte ${index}`);
        } else {
          assert.equal(batch.frames[0]?.offset, offset);
          assert.deepEqual(bytesOfFrames(batch, [record.length]), [record]);
        }
      }
      offset += record.length;
    }
    assert.equal(decoder.end(), null);
  });

  test('a record that spans chunks stays intact when later chunks span too', () => {
    const stream = concatenate([SOCKET, SOCKET]);
    const decoder = new FrameDecoder();
    decoder.push(stream.subarray(0, 100));
    const batch = decoder.push(stream.subarray(100, 400));
    decoder.push(stream.subarray(400, 500).fill(0xff));
    assert.deepEqual(bytesOfFrames(batch, [SOCKET.length]), [SOCKET]);
  });

  test('a stream that ends within a record is truncated, at every length', () => {
    for (let length = 0; length <= SOCKET.length; length++) {
      const decoder = new FrameDecoder();
      decoder.push(CLOCK);
      assert.equal(decoder.push(SOCKET.subarray(0, length)).frames.length, length === SOCKET.length ? 1 : 0);
      const error = decoder.end();
      if (length === 0 || length === SOCKET.length) {
        assert.equal(error, null);
      } else {
        assert.equal(error?.code, 'truncated');
        assert.equal(error.offset, CLOCK.length + length);
        assert.equal(decoder.push(SOCKET.subarray(length)).error, error, 'nothing comes after the end');
      }
    }
  });

  const size = CLOCK.length;
  const malformed: { what: string; bytes: Uint8Array; code: WireErrorCode; at: number; says: RegExp }[] = [
    {
      what: 'size 0',
      bytes: header(0, 5),
      code: 'bad_size',
      at: 0,
      says: /0 bytes, not a multiple of 8 from 8 to 1024/,
    },
    {
      what: 'a size below the header',
      bytes: header(4, 5),
      code: 'bad_size',
      at: 0,
      says: /4 bytes, not a multiple of 8 from/,
    },
    {
      what: 'a size that is no multiple of 8',
      bytes: header(size + 4, 5),
      code: 'bad_size',
      at: 0,
      says: /52 bytes, not a multiple of 8 from/,
    },
    {
      what: 'a size above the cap',
      bytes: header(1032, 5),
      code: 'bad_size',
      at: 0,
      says: /1032 bytes, not a multiple of 8 from/,
    },
    {
      what: 'the largest size',
      bytes: header(0xfffffff8, 5),
      code: 'bad_size',
      at: 0,
      says: /4294967288 bytes, not a multiple of 8 from/,
    },
    { what: 'too small for its kind', bytes: header(size - 8, 5), code: 'bad_size', at: 0, says: /40 bytes, not 48/ },
    { what: 'too large for its kind', bytes: header(size + 8, 5), code: 'bad_size', at: 0, says: /different builds/ },
    { what: 'a size above the cap, whatever the kind', bytes: header(1032, 17), code: 'bad_size', at: 0, says: /1032/ },
    { what: 'kind 0', bytes: header(size, 0), code: 'unknown_kind', at: 4, says: /kind 0, not 1 to 16/ },
    { what: 'the kind after the last', bytes: header(size, 17), code: 'unknown_kind', at: 4, says: /kind 17/ },
    { what: 'the kind of a command', bytes: header(16, 102), code: 'unknown_kind', at: 4, says: /kind 102/ },
    { what: 'the largest kind', bytes: header(SENSOR_RECORD_MAX, 0xffff), code: 'unknown_kind', at: 4, says: /65535/ },
  ];

  for (const { what, bytes, code, at, says } of malformed) {
    test(`refuses ${what} with the header's last byte, and all that follows`, () => {
      for (const whole of [true, false]) {
        const decoder = new FrameDecoder();
        const chunk = concatenate([SOCKET, bytes]);
        const first = decoder.push(whole ? chunk : chunk.subarray(0, -1));
        assert.equal(first.frames.length, 1, 'the record before it is good');
        const last = whole ? first : decoder.push(chunk.subarray(-1));
        assert.equal(last.error?.code, code);
        assert.equal(last.error.offset, SOCKET.length + at);
        assert.match(last.error.message, says);
        assert.match(last.error.message, new RegExp(`byte ${SOCKET.length + at}:`));
        assert.deepEqual(decoder.push(CLOCK), { frames: [], error: last.error });
        assert.equal(decoder.end(), last.error);
      }
    });
  }
});
