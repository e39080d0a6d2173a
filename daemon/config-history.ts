/** Configuration of the history on disk. */
import * as z from 'zod';
import { duration } from './config-values.js';
import { BYTE_SIZE_PATTERN, parseByteSize } from './lib/byte-size.js';
import type { HistoryLimits } from './store/history.js';

const MIB = 1 << 20;

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;

/** A size as text with a unit ("64MiB"), in bytes. */
const size = z
  .string({ error: 'must be a size with a unit, such as 64MiB' })
  .meta({ description: 'A size, such as 64MiB', pattern: BYTE_SIZE_PATTERN })
  .transform((text, context) => {
    const bytes = parseByteSize(text);
    if (bytes === null || bytes < MIB || bytes > 64 * 1024 * MIB) {
      context.addIssue({ code: 'custom', message: `"${text}" is not a size from 1MiB to 64GiB` });
      return z.NEVER;
    }
    return bytes;
  });

/** The files below `history` in the state directory, for each stream. */
export const historyDiskSchema = z
  .strictObject({
    maxAge: duration(HOUR_MS, YEAR_MS).prefault('7d').describe('What is older leaves.'),
    maxBytes: size.prefault('64MiB').describe('Ended records: the oldest leave when they take more.'),
    journalMaxBytes: size.prefault('32MiB').describe('Changes from which a watch can be resumed.'),
  })
  .prefault({})
  .describe('What is kept in stateDir, of connections and again as much of alerts.');

/** @returns the bounds of each stream's history. */
export function historyLimits(disk: z.infer<typeof historyDiskSchema>): HistoryLimits {
  return { maxAgeMs: disk.maxAge, maxBytes: disk.maxBytes, journalMaxBytes: disk.journalMaxBytes };
}
