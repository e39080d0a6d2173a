/** The configuration in effect, as a file that would say the same. */
import { stringify } from 'yaml';
import type * as z from 'zod';
import { childOf, jsonSchema, type SchemaNode, variants } from './config-schema.js';
import { BYTE_SIZE_PATTERN, formatByteSize } from './lib/byte-size.js';
import { formatDurationMs } from './lib/duration.js';

const REDACTED = '(redacted)';

/** Nothing secret stands in the configuration itself but what is part of a URL: user, path or query can be a password. */
function redactUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return text;
  }
  if (!/^https?:$/.test(url.protocol)) {
    return text;
  }
  const isBare = url.username === '' && url.password === '' && url.search === '' && url.pathname === '/';
  return isBare ? text : `${url.origin}/${REDACTED}`;
}

/** Words for keys whose value would be a secret, wherever somebody adds one; paths of files with secrets are none. */
const SECRET_KEY = /(secret|token|password)$/i;

function isText(node: SchemaNode | undefined): boolean {
  return node !== undefined && variants(node).some(({ type }) => type === 'string');
}

function isSize(node: SchemaNode | undefined): boolean {
  return node !== undefined && variants(node).some(({ pattern }) => pattern === BYTE_SIZE_PATTERN);
}

function isNumber(node: SchemaNode | undefined): boolean {
  return node !== undefined && variants(node).some(({ type }) => type === 'number' || type === 'integer');
}

/** From what the daemon works with back to what the file says. */
function asWritten(value: unknown, node: SchemaNode | undefined, redacted: boolean): unknown {
  if (Array.isArray(value)) {
    return value.map((entry, index) => asWritten(entry, childOf(node, index, value), redacted));
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return Object.fromEntries(
      entries.map(([key, inner]: [string, unknown]) => {
        const isSecret = redacted && typeof inner === 'string' && SECRET_KEY.test(key);
        return [key, isSecret ? REDACTED : asWritten(inner, childOf(node, key, value), redacted)];
      }),
    );
  }
  if (typeof value === 'number' && isText(node) && !isNumber(node)) {
    // The file has text where the daemon has a number: a size or a duration.
    return isSize(node) ? formatByteSize(value) : formatDurationMs(value);
  }
  return redacted && typeof value === 'string' ? redactUrl(value) : value;
}

/**
 * @param config what `schema` made of the file
 * @param redacted leave out what may be secret
 */
export function printConfig(config: unknown, schema: z.ZodType, redacted: boolean): string {
  return stringify(asWritten(config, jsonSchema(schema), redacted), { lineWidth: 0 });
}
