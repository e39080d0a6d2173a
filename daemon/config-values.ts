/** Values that several parts of the configuration are made of. */
import * as z from 'zod';
import { parseDurationMs } from './lib/duration.js';
import { type Address, AddressError, parseAddress } from './rpc/address.js';

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
        context.addIssue({ code: 'custom', message: `must lie between ${minMs} ms and ${maxMs} ms` });
        return z.NEVER;
      }
      return milliseconds;
    });
}

const FORMS: Readonly<Record<Address['kind'], string>> = { unix: 'unix:PATH', tcp: 'HOST:PORT' };

/** An address, kept as it was written. @param allowed kinds of address that can be used there */
export function address(allowed: readonly Address['kind'][]): z.ZodType<string> {
  return z.string().superRefine((text, context) => {
    try {
      if (!allowed.includes(parseAddress(text).kind)) {
        const forms = allowed.map((kind) => FORMS[kind]).join(' or ');
        context.addIssue({ code: 'custom', message: `"${text}" must be ${forms}` });
      }
    } catch (error) {
      if (!(error instanceof AddressError)) {
        throw error;
      }
      context.addIssue({ code: 'custom', message: error.message });
    }
  });
}
