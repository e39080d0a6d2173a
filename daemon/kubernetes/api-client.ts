/**
 * GET requests to the API server of the cluster, each on a connection of its own: one that is kept open unused could be
 * dropped on the way, and the next request would hang on it. Every step has a time limit.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ApiError } from './api-error.js';

export interface ApiClientOptions {
  /** `https://HOST:PORT`, with a path where a proxy has several servers below its address. */
  readonly server: string;
  /** Both are read again for every request, since the kubelet renews tokens, and clusters their certificates. */
  readonly tokenFile: string;
  readonly caFile: string;
  /** Until the headers of an answer are there, milliseconds. */
  readonly answerTimeoutMs?: number;
}

const ANSWER_TIMEOUT_MS = 10_000;
/** After so long without data the kernel asks whether the server is there, and gives up some ten seconds later. */
const KEEPALIVE_IDLE_MS = 20_000;
const TOKEN_LENGTH_MAX = 65_536;
const ERROR_BODY_MAX = 65_536;
const RETRY_AFTER_MAX_S = 300;

export interface GetOptions {
  /** Until the whole answer is there, milliseconds. */
  readonly deadlineMs: number;
  readonly stop: AbortSignal;
  /** Called when the server has begun a successful answer, of which the first part may take its time. */
  readonly onOpen?: () => void;
}

async function readToken(path: string): Promise<string> {
  const token = (await readFile(path, 'latin1')).trim();
  if (!/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_LENGTH_MAX) {
    throw new ApiError(0, `${path} does not hold a token`);
  }
  return token;
}

/** Where several addresses of a host were tried, the error that sums them up has a code and no message. */
function errorText(error: unknown): string {
  const { message = '', code = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return message === '' ? code : message;
}

/** What the server says about an error, in a Status object as a rule. */
async function readError(response: IncomingMessage): Promise<ApiError> {
  const code = response.statusCode ?? 0;
  let body = '';
  for await (const chunk of response as AsyncIterable<string>) {
    body += chunk;
    if (body.length > ERROR_BODY_MAX) {
      break;
    }
  }
  const retryAfterS = Number(response.headers['retry-after'] ?? 0);
  const retryAfterMs = retryAfterS > 0 ? Math.min(retryAfterS, RETRY_AFTER_MAX_S) * 1000 : 0;
  return new ApiError(code, `HTTP ${code}: ${statusMessage(body)}`, retryAfterMs);
}

function statusMessage(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return typeof message === 'string' ? message : 'no reason given';
  } catch {
    return 'no reason given';
  }
}

export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #answerTimeoutMs: number;
  /** Ends without a slash. */
  readonly #base: string;

  constructor(options: ApiClientOptions) {
    this.#options = options;
    const { origin, pathname } = new URL(options.server);
    this.#base = `${origin}${pathname.replace(/\/+$/, '')}`;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  /**
   * Passes the body of a successful answer on as it comes.
   * @param path from the root of the API, with its query
   * @throws ApiError whatever goes wrong; what `take` throws ends the request
   */
  async get(path: string, options: GetOptions, take: (text: string) => void): Promise<void> {
    const limit = new AbortController();
    const stop = (): void => limit.abort(new ApiError(0, 'stopped'));
    const late = setTimeout(() => {
      limit.abort(new ApiError(0, `no end of the answer after ${options.deadlineMs} ms`));
    }, options.deadlineMs);
    options.stop.addEventListener('abort', stop);
    if (options.stop.aborted) {
      stop();
    }
    try {
      const response = await this.#open(path, limit);
      response.setEncoding('utf8');
      if (response.statusCode !== 200) {
        throw await readError(response);
      }
      options.onOpen?.();
      for await (const chunk of response as AsyncIterable<string>) {
        take(chunk);
      }
    } catch (error) {
      // An aborted request fails as such; why it was aborted says more.
      const cause: unknown = limit.signal.aborted ? limit.signal.reason : error;
      throw cause instanceof ApiError ? cause : new ApiError(0, errorText(cause));
    } finally {
      clearTimeout(late);
      options.stop.removeEventListener('abort', stop);
      limit.abort();
    }
  }

  async #open(path: string, limit: AbortController): Promise<IncomingMessage> {
    const silent = setTimeout(() => {
      limit.abort(new ApiError(0, `no answer within ${this.#answerTimeoutMs} ms`));
    }, this.#answerTimeoutMs);
    try {
      const { tokenFile, caFile } = this.#options;
      const [token, ca] = await Promise.all([readToken(tokenFile), readFile(caFile)]);
      const headers = { accept: 'application/json', authorization: `Bearer ${token}`, 'user-agent': 'stuckd' };
      return await new Promise((resolve, reject) => {
        const url = new URL(`${this.#base}${path}`);
        const request = httpsRequest(url, { agent: false, ca, headers, signal: limit.signal });
        request.on('socket', (socket) => socket.setKeepAlive(true, KEEPALIVE_IDLE_MS));
        request.on('error', reject);
        request.on('response', resolve);
        request.end();
      });
    } finally {
      clearTimeout(silent);
    }
  }
}
