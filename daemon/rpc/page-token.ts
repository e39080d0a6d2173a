/** The opaque token of a list: where the next page begins, and the query that it belongs to. */
import { invalidArgument } from './status.js';

const TOKEN_VERSION = 1;
const TOKEN_LENGTH_MAX = 1024;

/**
 * @param query fingerprint of everything that decides which records are listed.
 * @param lastId the id of the last record of the page, or whatever else says where it stands.
 */
export function encodePageToken(query: string, lastId: string): string {
  return Buffer.from(JSON.stringify([TOKEN_VERSION, query, lastId])).toString('base64url');
}

function parseToken(token: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(parsed) ? (parsed as unknown[]) : [];
  } catch {
    return [];
  }
}

/**
 * @returns what `encodePageToken` was given, after which the page begins; an empty string for the first page.
 * @throws RpcError INVALID_ARGUMENT for a token of another query, or one that no stuckd gave.
 */
export function decodePageToken(token: string, query: string): string {
  if (token === '') {
    return '';
  }
  const [version, ofQuery, lastId] = token.length > TOKEN_LENGTH_MAX ? [] : parseToken(token);
  if (version !== TOKEN_VERSION || typeof ofQuery !== 'string' || typeof lastId !== 'string') {
    throw invalidArgument('page_token is not a token of this server; start again without one', 'PAGE_TOKEN_INVALID');
  }
  if (ofQuery !== query) {
    const message = 'page_token belongs to a list with another filter; start again without one';
    throw invalidArgument(message, 'PAGE_TOKEN_INVALID');
  }
  return lastId;
}
