/** One attempt: from a message to what became of it. */
import { readFile } from 'node:fs/promises';
import { HttpFailure, post, type Resolve } from './http-client.js';
import type { ReceiverConfig } from './receiver-config.js';
import type { PreparedRequest } from './receiver.js';
import { SecretFileError } from './secret-file.js';
import { type Verdict, verdictOfStatus } from './verdict.js';

/** What an attempt needs of the world. */
export interface SendContext {
  readonly resolve: Resolve;
  readonly nowMs: () => number;
  /** Ends attempts that are under way. */
  readonly stop: AbortSignal;
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new SecretFileError(`caFile ${path} cannot be read: ${code}`, { cause: error });
  }
}

/** Only messages that are made here reach logs and status: others might quote a header or a URL. */
function reasonOf(error: unknown): string {
  return error instanceof HttpFailure || error instanceof SecretFileError
    ? error.message
    : `the request could not be made (${error instanceof Error ? error.name : 'unknown error'})`;
}

/** Never rejects. */
export async function attempt(
  config: ReceiverConfig,
  prepare: () => Promise<PreparedRequest>,
  { resolve, nowMs, stop }: SendContext,
): Promise<Verdict> {
  try {
    const { url, headers, body } = await prepare();
    const answer = await post(
      {
        url,
        headers,
        body,
        timeoutMs: config.timeout,
        ca: config.caFile === undefined ? null : await readCa(config.caFile),
        policy: config,
      },
      resolve,
      stop,
    );
    return verdictOfStatus(answer.status, answer.retryAfter, nowMs());
  } catch (error) {
    const failure = { httpStatus: 0, error: reasonOf(error) };
    return stop.aborted ? { kind: 'abandoned', ...failure } : { kind: 'retry', ...failure, retryAfterMs: 0 };
  }
}
