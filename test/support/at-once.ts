import { env } from 'node:process';

/** In an emulated machine everything but its timers is some twenty times slower: more at a time would miss the timers. */
const IN_GUEST_MAX = 3;

/**
 * How many tests of a suite run at a time: they mostly wait for timers of the kernel.
 * @param inGuest for tests that keep a machine busy: each daemon sees the connections of all tests.
 */
export function atOnce(count: number, inGuest = IN_GUEST_MAX): number {
  return env['STUCKD_TEST_GUEST'] === '1' ? Math.min(count, inGuest) : count;
}
