import { after } from 'node:test';
import type { Ending } from './lab.js';

/** An ending for what the tests of a suite share. To be called in the suite. */
export function suiteEnding(): Ending {
  const endings: (() => Promise<void>)[] = [];
  after(async () => {
    for (const end of endings) {
      await end();
    }
  });
  return { after: (end: () => Promise<void>) => endings.push(end) };
}
