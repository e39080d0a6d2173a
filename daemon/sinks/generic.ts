/**
 * The generic webhook: the body is the alert, exactly as `stuckctl alerts -o json` shows it, and the headers are those of
 * Standard Webhooks. `stuckd-event` says what happened to the alert.
 */
import { readSecretFile, SecretFileError } from './secret-file.js';
import { type ReceiverConfig, urlProblem } from './receiver-config.js';
import { JSON_HEADERS, type ReceiverFormat } from './receiver.js';
import { readSigningKeys, signature } from './standard-webhooks.js';

const PARALLEL = 4;

/** @throws SecretFileError that does not show what the file holds. */
export async function readUrlFile(path: string): Promise<URL> {
  const text = await readSecretFile(path);
  const problem = urlProblem(text);
  if (problem !== null) {
    throw new SecretFileError(`${path} does not hold a URL of a receiver: it ${problem}`);
  }
  return new URL(text);
}

export function genericFormat(config: Extract<ReceiverConfig, { type: 'webhook' }>): ReceiverFormat {
  const { url, urlFile, secretFile } = config;
  return {
    replicas: 1,
    parallel: PARALLEL,
    orderKey: ({ id }) => id,
    prepare: async ({ id, event, encoded }, _replica, nowMs) => {
      const timestampS = Math.floor(nowMs / 1000);
      const keys = secretFile === undefined ? null : await readSigningKeys(secretFile);
      return {
        url: url === undefined ? await readUrlFile(urlFile ?? '') : new URL(url),
        headers: {
          ...JSON_HEADERS,
          'stuckd-event': event,
          'webhook-id': id,
          'webhook-timestamp': timestampS.toString(),
          ...(keys === null ? {} : { 'webhook-signature': signature(keys, id, timestampS, encoded) }),
        },
        body: encoded,
      };
    },
  };
}
