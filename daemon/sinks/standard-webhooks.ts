/** The signature of Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric: HMAC-SHA256, version v1. */
import { createHmac } from 'node:crypto';
import { readSecretFile, SecretFileError } from './secret-file.js';

const PREFIX = 'whsec_';

/** What the specification asks for. */
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;

/** While secrets are rotated there are two; more than a few are a mistake. */
const KEYS_MAX = 4;

/**
 * @param path of a file with one secret, or with several, one a line, while they are rotated: each signs.
 * @throws SecretFileError that names the file and what is expected, never what is in it.
 */
export async function readSigningKeys(path: string): Promise<readonly Buffer[]> {
  const words = (await readSecretFile(path)).split(/\s+/);
  if (words.length > KEYS_MAX) {
    throw new SecretFileError(`${path} must hold at most ${KEYS_MAX} secrets, one a line`);
  }
  return words.map((word) => {
    const encoded = word.startsWith(PREFIX) ? word.slice(PREFIX.length) : '';
    const key = Buffer.from(encoded, 'base64');
    const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded);
    if (!isBase64 || key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX) {
      throw new SecretFileError(
        `${path} must hold ${PREFIX} and ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes in base64, for example ${PREFIX}$(openssl rand -base64 32)`,
      );
    }
    return key;
  });
}

/**
 * @param id the same in every attempt; @param timestampS of this attempt, seconds since 1970
 * @returns value of the header webhook-signature: one signature for each key
 */
export function signature(keys: readonly Buffer[], id: string, timestampS: number, body: string): string {
  const content = `${id}.${timestampS}.${body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}
