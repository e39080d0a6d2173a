/** Values that many keys of the configuration have in common. */
import * as z from 'zod';
import { parseDurationMs } from './lib/duration.js';

/** A duration as text with a unit ("500ms", "2s", "10m", "2h"), in whole milliseconds. */
export function duration(minMs: number, maxMs: number): z.ZodType<number> {
  return z
    .string({ error: 'must be a duration with a unit, such as 500ms, 2s, 10m or 2h' })
    .transform((text, context) => {
      const milliseconds = parseDurationMs(text);
      if (milliseconds === null) {
        context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 500ms, 2s, 10m or 2h` });
        return z.NEVER;
      }
      if (milliseconds < minMs || milliseconds > maxMs) {
        context.addIssue({ code: 'custom', message: `must lie between ${minMs} ms and ${maxMs} ms` });
        return z.NEVER;
      }
      return milliseconds;
    });
}
