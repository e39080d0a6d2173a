import { after, before } from 'node:test';
import { isPolling, OFTEN } from './sensor-mode.js';
import { StuckdUnderTest, type StuckdOptions } from './stuckd.js';

/** No pass runs by the clock: whatever such a daemon says, an event made it say so. A sensor that polls has no events. */
export const EVENTS_ALONE: StuckdOptions = {
  sensor: isPolling ? OFTEN : { sweepInterval: '1h', refreshInterval: '1h', fullRefreshInterval: '1h' },
};

/**
 * One daemon for all tests of a suite, which tell its records apart by their namespaces. To be called in the suite.
 * @returns gives the daemon, inside a test.
 */
export function sharedStuckd(options: StuckdOptions = {}): () => StuckdUnderTest {
  const endings: (() => Promise<void>)[] = [];
  let stuckd: StuckdUnderTest | undefined;
  before(async () => {
    const ending = { after: (end: () => Promise<void>) => endings.push(end) };
    stuckd = await StuckdUnderTest.start(ending, options);
  });
  after(async () => {
    for (const end of endings) {
      await end();
    }
  });
  return () => {
    if (stuckd === undefined) {
      throw new Error('stuckd is used outside of the tests of its suite');
    }
    return stuckd;
  };
}
