/** Configuration of the history on disk. */
import * as z from 'zod';
import { DURATION_PATTERN } from './config-values.js';
import { BYTE_SIZE_PATTERN, parseByteSize } from './lib/byte-size.js';
import { parseDurationMs } from './lib/duration.js';
import type { HistoryLimits } from './store/history.js';

const MIB = 1 << 20;

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;

const age = z
  .string({ error: 'must be a duration with a unit, such as 12h or 7d' })
  .meta({ description: 'A duration, such as 12h or 7d', pattern: DURATION_PATTERN })
  .transform((text, context) => {
    const milliseconds = parseDurationMs(text);
    if (milliseconds === null || milliseconds < HOUR_MS || milliseconds > YEAR_MS) {
      context.addIssue({ code: 'custom', message: `"${text}" is not a duration from 1h to 366d` });
      return z.NEVER;
    }
    return milliseconds;
  });

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
    /** What is older leaves. */
    maxAge: age.prefault('7d'),
    /** Ended items: the oldest leave when they take more. */
    maxBytes: size.prefault('64MiB'),
    /** Changes that a watch can be resumed from. */
    journalMaxBytes: size.prefault('32MiB'),
  })
  .prefault({});

/** @returns the bounds of each stream's history. */
export function historyLimits(disk: z.infer<typeof historyDiskSchema>): HistoryLimits {
  return { maxAgeMs: disk.maxAge, maxBytes: disk.maxBytes, journalMaxBytes: disk.journalMaxBytes };
}
