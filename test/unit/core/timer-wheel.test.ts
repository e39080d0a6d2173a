/**
 * Proves: timers are placed in the bucket that kernel/time/timer.c gives them, at every level's boundary, and the jiffy
 * of a queued timer is read from its slot. Does not prove that a given kernel uses these levels: the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armedJiffy, armJiffy, fireJiffy } from '../../../daemon/core/timer-wheel.js';

function flags(level: number, slot = 0): number {
  return ((level * 64 + slot) << 22) | 0x1234;
}

const ARMED: readonly (readonly [now: number, delay: number, runs: number, why: string])[] = [
  [1000, 1, 1002, 'never in the jiffy that was asked for, but in the one after it'],
  [1001, 63, 1065, 'the longest delay of level 0'],
  [1000, 64, 1072, 'level 1: the next multiple of 8 after 1064'],
  [1007, 64, 1072, 'level 1: 1071 is just below its boundary'],
  [1008, 64, 1080, 'level 1: 1072 is a boundary itself, and the timer waits for the next'],
  [8, 504, 520, 'the longest delay of level 1'],
  [0, 505, 512, 'level 2'],
  [8, 505, 576, 'level 2: the next multiple of 64 after 513'],
  [0, 4032, 4096, 'the longest delay of level 2'],
  [64, 4033, 4608, 'level 3: the next multiple of 512 after 4097'],
  [0, 30_000, 30_208, '120 s at HZ 250: 120.832 s once aligned'],
  [0, 120_000, 122_880, '120 s at HZ 1000: 122.88 s once aligned'],
  [0, 12_000, 12_288, '120 s at HZ 100: 122.88 s once aligned'],
  [1, 1_800_000, 1_802_240, '7200 s at HZ 250: a granule of 131 s'],
  [1, 7_200_000, 7_340_032, '7200 s at HZ 1000: a granule of 262 s'],
  [8_600_000_001, 51, 8_600_000_053, 'jiffies beyond 32 bits'],
];

for (const [now, delay, runs, why] of ARMED) {
  test(`armed at ${now} for ${delay} jiffies it runs at ${runs}: ${why}`, () => {
    assert.equal(armJiffy(now, delay), runs);
  });
}

const QUEUED: readonly (readonly [expires32: number, level: number, now: number, runs: number, why: string])[] = [
  [1064, 1, 1000, 1072, 'level 1'],
  [1064, 0, 1000, 1065, 'level 0'],
  [1064, 3, 1000, 1536, 'the level of the slot counts, however near the timer is by now'],
  [16, 0, 4_294_967_290, 4_294_967_313, 'the low half of jiffies wraps before it expires'],
  [4_294_967_290, 0, 4_294_967_300, 4_294_967_300, 'overdue: it runs now, not in the past'],
  [40_000, 3, 8_589_934_592 + 10_000, 8_589_975_040, 'the upper half comes from now'],
];

for (const [expires32, level, now, runs, why] of QUEUED) {
  test(`queued for ${expires32} in level ${level} it runs at ${runs}: ${why}`, () => {
    assert.equal(fireJiffy({ pending: true, expiresJiffies32: expires32, flags: flags(level, 63) }, now), runs);
  });
}

for (const [delay, width] of [
  [1, 1],
  [63, 1],
  [64, 8],
  [250, 8],
  [1000, 64],
  [7500, 512],
  [75_000, 4096],
] as const) {
  test(`a chain of timers of ${delay} jiffies is followed backwards, also from a handler that ran late`, () => {
    for (const first of [0, 3 * width, 8_600_000_000 * width]) {
      const second = armJiffy(first, delay);
      assert.equal(armedJiffy(second, delay), first);
      assert.equal(armedJiffy(second + width - 1, delay), first, 'late, but before the next boundary');
    }
  });
}

test('a slot of the highest levels, where flags are negative as a signed number, is read right', () => {
  assert.equal(fireJiffy({ pending: true, expiresJiffies32: 5, flags: flags(8) }, 0), 8 ** 8);
});
