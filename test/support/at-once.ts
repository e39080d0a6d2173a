import { env } from 'node:process';

/** In an emulated machine everything but its timers is some twenty times slower: more at a time would miss the timers. */
const IN_GUEST_MAX = 3;

/** How many tests of a suite run at a time: they mostly wait for timers of the kernel. */
export function atOnce(count: number): number {
  return env['STUCKD_TEST_GUEST'] === '1' ? Math.min(count, IN_GUEST_MAX) : count;
}
