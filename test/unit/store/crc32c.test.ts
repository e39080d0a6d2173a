// Proves that the checksum is CRC-32C, by the vectors of RFC 3720 appendix B.4, and by its definition for every length.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../../../daemon/store/crc32c.js';

const VECTORS: readonly (readonly [string, Uint8Array, number])[] = [
  ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes incrementing', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ['32 bytes decrementing', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
];

for (const [name, bytes, expected] of VECTORS) {
  test(name, () => {
    assert.equal(crc32c(bytes), expected);
  });
}

/** Bit by bit, as the polynomial has it. */
function byDefinition(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
    }
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

test('every length and place', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => (index * 7919) & 0xff);
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= bytes.length; end++) {
      assert.equal(crc32c(bytes.subarray(start, end)), byDefinition(bytes.subarray(start, end)));
    }
  }
});
