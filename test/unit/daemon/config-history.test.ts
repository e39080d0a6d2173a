// Proves how the bounds of the history are written, and that what is no bound is refused in words that say what is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { historyDiskSchema } from '../../../daemon/config-history.js';

const MIB = 1024 * 1024;

describe('bounds of the history', () => {
  const table: readonly (readonly [object | undefined, object])[] = [
    [undefined, { maxAge: 7 * 86_400_000, maxBytes: 64 * MIB, journalMaxBytes: 32 * MIB }],
    [{ maxAge: '12h' }, { maxAge: 43_200_000, maxBytes: 64 * MIB, journalMaxBytes: 32 * MIB }],
    [
      { maxBytes: '2GiB', journalMaxBytes: '2048KiB' },
      { maxAge: 7 * 86_400_000, maxBytes: 2048 * MIB, journalMaxBytes: 2 * MIB },
    ],
  ];
  for (const [given, expected] of table) {
    test(given === undefined ? 'none given' : JSON.stringify(given), () => {
      assert.deepEqual(historyDiskSchema.parse(given), expected);
    });
  }
});

describe('what is no bound', () => {
  const table: readonly (readonly [object, RegExp])[] = [
    [{ maxAge: '30s' }, /"30s" is not a duration from 1h to 366d/],
    [{ maxAge: 7 }, /must be a duration with a unit/],
    [{ maxBytes: '64' }, /"64" is not a size from 1MiB to 64GiB/],
    [{ maxBytes: '64MB' }, /"64MB" is not a size/],
    [{ journalMaxBytes: '1KiB' }, /"1KiB" is not a size/],
    [{ journalMaxBytes: '65GiB' }, /"65GiB" is not a size/],
    [{ maxBytes: 1e9 }, /must be a size with a unit/],
    [{ maxCount: 1 }, /maxCount/],
  ];
  for (const [given, expected] of table) {
    test(JSON.stringify(given), () => {
      const issues = historyDiskSchema.safeParse(given).error?.issues ?? [];
      assert.match(issues.map(({ message }) => message).join(), expected);
    });
  }
});
