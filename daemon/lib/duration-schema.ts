/** Durations in the configuration. */
import * as z from 'zod';
import { formatDurationMs, parseDurationMs } from './duration.js';

/** As a regular expression of JSON Schema. */
export const DURATION_PATTERN = '^[0-9]+([.][0-9]+)?(ms|s|m|h|d)$';

/** A duration as text with a unit ("500ms", "2s", "10m", "2h"), in whole milliseconds. */
export function duration(minMs: number, maxMs: number): z.ZodType<number> {
  return z
    .string({ error: 'must be a duration with a unit, such as 500ms, 2s, 10m or 2h' })
    .meta({ description: 'A duration, such as 500ms, 2s, 10m or 2h', pattern: DURATION_PATTERN })
    .transform((text, context) => {
      const milliseconds = parseDurationMs(text);
      if (milliseconds === null) {
        context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 500ms, 2s, 10m or 2h` });
        return z.NEVER;
      }
      if (milliseconds < minMs || milliseconds > maxMs) {
        const bounds = `from ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)}`;
        context.addIssue({ code: 'custom', message: `"${text}" is not a duration ${bounds}` });
        return z.NEVER;
      }
      return milliseconds;
    });
}
