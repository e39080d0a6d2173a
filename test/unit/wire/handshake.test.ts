/**
 * Proves that a sensor of another build, or something that is no sensor, is refused with words that say what to do.
 * Cannot prove that the caller asks before it believes the records that follow.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHello } from '../../../daemon/wire/handshake.js';
import { SENSOR_LAYOUT_HASH } from '../../../daemon/wire/layout.generated.js';
import { GOLDEN_RECORDS } from './golden.js';

const HELLO = GOLDEN_RECORDS.hello.hello;

test('the sensor of this build is accepted', () => {
  assert.equal(checkHello(HELLO), null);
});

test('another layout: both builds are named, and the cure', () => {
  const message = checkHello({ ...HELLO, layoutHash: 0xabcdefn });
  assert.match(message ?? '', /version 1\.2\.3-golden/);
  assert.match(message ?? '', /layout 0x0000000000abcdef/);
  assert.match(message ?? '', new RegExp(`this daemon has 0x${SENSOR_LAYOUT_HASH.toString(16).padStart(16, '0')}`));
  assert.match(message ?? '', /from one release/);
});

test('another magic number: this is no sensor, whatever its layout', () => {
  const message = checkHello({ ...HELLO, magic: 0x1234n });
  assert.match(message ?? '', /no stuckd-sensor.*0x0000000000001234, not 0x31646b6375747321.*address of the sensor/);
});
