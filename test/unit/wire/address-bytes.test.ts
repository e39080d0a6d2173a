/** Proves that addresses go back to the bytes that they came from, whatever they are, and that nothing else passes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { writeAddress } from '../../../daemon/wire/address-bytes.js';
import { formatAddress } from '../../../daemon/wire/address-text.js';

function bytesOf(text: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  writeAddress(view, 4, text);
  assert.deepEqual([view.getUint32(0), view.getUint32(20)], [0, 0], 'nothing beside it is touched');
  return new Uint8Array(view.buffer, 4, 16);
}

describe('writeAddress', () => {
  test('every address, through its text', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    const address = fc.oneof(
      fc.array(group, { minLength: 8, maxLength: 8 }),
      fc.tuple(group, group).map((low) => [0, 0, 0, 0, 0, 0xffff, ...low]),
    );
    fc.assert(
      fc.property(address, (groups) => {
        const view = new DataView(new ArrayBuffer(16));
        groups.forEach((value, index) => {
          view.setUint16(2 * index, value);
        });
        assert.deepEqual(bytesOf(formatAddress(view, 0)), new Uint8Array(view.buffer));
      }),
    );
  });

  const wrong = ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.x', '1.2.3.-1', 'localhost', '1:2:3:4:5:6:7', '1::2::3'];
  for (const text of [...wrong, '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '12345::', ':::', '::g', 'fe80::1%eth0']) {
    test(`refused: ${JSON.stringify(text)}`, () => {
      assert.throws(() => bytesOf(text), RangeError);
    });
  }
});
