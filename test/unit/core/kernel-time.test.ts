/**
 * Proves that stamps of 32 bits become the right instant at every tick rate and across every wrap. It cannot prove that
 * the sensor's clock pairs are right; its own tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tickClock } from '../../../daemon/core/jiffies.js';
import { lastAckUs, lastHeardUs, pastMs32Us, retransStampUs, timerExpiryUs } from '../../../daemon/core/kernel-time.js';
import { seqAfter, seqDistance } from '../../../daemon/core/sequence.js';
import { clockAt, monoUsAt, snapshotAt, TEST_KERNEL, type TestKernel } from '../../support/snapshot-builder.js';

const kernels: fc.Arbitrary<TestKernel> = fc.record({
  hz: fc.constantFrom(100, 250, 300, 1000),
  bootId: fc.constant('boot'),
  release: fc.constant('test'),
  monoUs: fc.nat(2 ** 45),
  realUs: fc.constant(1_800_000_000_000_000),
  bootUs: fc.nat(2 ** 45),
  jiffies: fc.nat(2 ** 40),
});
const DAY_S = 86_400;

void test('a stamp of jiffies is the beginning of the jiffy of its event', () => {
  fc.assert(
    fc.property(kernels, fc.nat(30 * DAY_S), fc.nat(1_000_000), (kernel, age, second) => {
      const ticks = tickClock(kernel, clockAt(kernel, second / 3));
      const socket = snapshotAt(kernel, second, { ackedAt: second - age });
      const errorUs = monoUsAt(kernel, second - age) - lastAckUs(socket, ticks);
      assert.ok(errorUs >= -1 && errorUs <= 1_000_000 / kernel.hz + 1, `off by ${errorUs} us`);
    }),
  );
});

void test('the peer was heard when its last ACK or its last data arrived, whichever came later', () => {
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  for (const [ackedAt, dataAt, heardAt] of [
    [3, 8, 8],
    [8, 3, 8],
  ] as const) {
    const socket = snapshotAt(TEST_KERNEL, 10, { ackedAt, dataAt });
    assert.equal(lastHeardUs(socket, ticks), lastAckUs(snapshotAt(TEST_KERNEL, 10, { ackedAt: heardAt }), ticks));
  }
});

void test('retrans_stamp is exact to its unit', () => {
  fc.assert(
    fc.property(kernels, fc.nat(4000), fc.nat(1_000_000), (kernel, age, second) => {
      const atUs = monoUsAt(kernel, second - age);
      fc.pre(atUs > 0);
      const inMs = retransStampUs(snapshotAt(kernel, second, { retransAt: second - age }));
      const inUs = retransStampUs(snapshotAt(kernel, second, { retransAt: second - age, usecStamps: true }));
      // A stamp of exactly 0 means none; the kernel has that gap too.
      assert.ok(inMs === null || inMs === Math.floor(atUs / 1000) * 1000);
      assert.ok(inUs === null || inUs === atUs);
    }),
  );
});

void test('a timer lies before or after now', () => {
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  for (const at of [-7200, -1, 0, 1, 7200]) {
    const socket = snapshotAt(TEST_KERNEL, 0, { keepaliveTimerAt: at });
    assert.equal(timerExpiryUs(socket.keepaliveTimer, socket, ticks), monoUsAt(TEST_KERNEL, at));
  }
});

void test('a stamp just ahead of the clock that it is read against is now, not 49 days ago', () => {
  assert.equal(pastMs32Us(1001, 1_000_999), 1_000_000);
  assert.equal(pastMs32Us(2 ** 32 - 1, 500_000), -1000);
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  const socket = snapshotAt(TEST_KERNEL, 0, { ackedAt: 0.004 });
  assert.equal(lastAckUs(socket, ticks), TEST_KERNEL.monoUs);
});

void test('sequence numbers wrap', () => {
  assert.equal(seqDistance(0xffff_fff0, 0x10), 0x20);
  assert.equal(seqAfter(0x10, 0xffff_fff0), true);
  assert.equal(seqAfter(0xffff_fff0, 0x10), false);
  assert.equal(seqAfter(5, 5), false);
});
