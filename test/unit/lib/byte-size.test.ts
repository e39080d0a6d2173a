// Proves that sizes of the configuration are read, and written as somebody would write them. Their bounds are tested with the
// keys that have them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BYTE_SIZE_PATTERN, formatByteSize, parseByteSize } from '../../../daemon/lib/byte-size.js';

describe('sizes', () => {
  const table: readonly (readonly [string, number, string])[] = [
    ['1KiB', 1024, '1KiB'],
    ['1500KiB', 1_536_000, '1500KiB'],
    ['2048KiB', 2_097_152, '2MiB'],
    ['64MiB', 67_108_864, '64MiB'],
    [' 2GiB ', 2_147_483_648, '2GiB'],
  ];
  for (const [text, bytes, written] of table) {
    test(text, () => {
      assert.equal(parseByteSize(text), bytes);
      assert.equal(formatByteSize(bytes), written);
      assert.match(written, new RegExp(BYTE_SIZE_PATTERN, 'u'));
    });
  }
  for (const text of ['', '64', '64MB', '1.5MiB', '-1MiB', '1000000000KiB']) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(parseByteSize(text), null);
    });
  }
});
