/** Values that several parts of the configuration are made of. */
import * as z from 'zod';
import { type Address, AddressError, parseAddress } from './rpc/address.js';

export { duration } from './lib/duration-schema.js';

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
