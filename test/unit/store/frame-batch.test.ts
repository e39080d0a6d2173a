/** Proves that frames which are made one behind the other are read as the entries that they were made of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEntry } from '../../../daemon/core/history.js';
import { FrameBatch } from '../../../daemon/store/frame-batch.js';
import { decodeFrames, FRAME_BYTES_MAX } from '../../../daemon/store/log-frame.js';

function entry(sequence: number, label: string, payloadBytes: number): LogEntry {
  return { sequence, timeUs: 1e15 + sequence, label, payload: Buffer.alloc(payloadBytes, sequence) };
}

test('what was added is read back, also beyond the first room', () => {
  const batch = new FrameBatch();
  const entries = [entry(1, 'opened a {}', 1300), entry(2, 'ä label', 0), entry(3, '', 100_000), entry(4, 'x', 7)];
  for (const each of entries) {
    batch.add(each);
  }
  assert.equal(batch.length, batch.bytes.length);
  assert.deepEqual(decodeFrames(batch.bytes), { entries, bytes: batch.length, isDamaged: false });
});

test('what was cleared is gone', () => {
  const batch = new FrameBatch();
  batch.add(entry(1, 'first', 50));
  batch.clear();
  batch.add(entry(2, 'second', 5));
  assert.deepEqual(decodeFrames(batch.bytes).entries, [entry(2, 'second', 5)]);
});

test('an entry that no reader would take is refused, and leaves nothing behind', () => {
  const batch = new FrameBatch();
  batch.add(entry(1, 'a', 10));
  assert.throws(() => {
    batch.add(entry(2, 'b', FRAME_BYTES_MAX));
  }, RangeError);
  assert.throws(() => {
    batch.add(entry(2, 'ä'.repeat(40_000), 1));
  }, RangeError);
  assert.deepEqual(decodeFrames(batch.bytes).entries, [entry(1, 'a', 10)]);
});
