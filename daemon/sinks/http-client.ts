/**
 * One POST over a connection of its own. A name is resolved once, its addresses are judged, and the connection goes to
 * these very addresses: a name that resolves to something else a moment later changes nothing. Nothing is pooled: an
 * endpoint hears from us so rarely that a connection would be stale by then, the disease that stuckd is there for.
 */
import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { type AddressPolicy, addressProblem } from './address-policy.js';

/** @returns all addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface HttpPost {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From resolving the name to the status line. */
  readonly timeoutMs: number;
  /** PEM; the only authorities that are trusted for it. Null: those of Node. */
  readonly ca: string | null;
  readonly policy: AddressPolicy;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
}

/** No answer; the message says why, in words of our own: neither the URL nor what was sent is in it. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
}

/** What is read of an answer's body, and how long, before the connection is dropped: only its status counts. */
const BODY_BYTES_MAX = 64 * 1024;
const BODY_WAIT_MS = 1000;
const HEADER_BYTES_MAX = 16 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name cannot be resolved now',
  UND_ERR_SOCKET: 'connection closed before an answer',
  UND_ERR_HEADERS_OVERFLOW: 'the answer has too many headers',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an authority that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of an authority that is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an authority that is not trusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of an authority that is not trusted',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

export async function resolveWithSystem(hostname: string): Promise<readonly string[]> {
  const found = await dnsLookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : '';
}

function failureOf(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) {
    return error;
  }
  const code = codeOf(error);
  if (error instanceof Error && error.name === 'HTTPParserError') {
    return new HttpFailure('what answered is not HTTP', { cause: error });
  }
  const reason = REASONS[code];
  const text = reason ?? 'the request failed';
  return new HttpFailure(code === '' ? text : `${text} (${code})`, { cause: error });
}

/** Gives undici the addresses that were judged, whatever it asks for. */
function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_hostname, options, callback) => {
    const [first] = all;
    if (options.all === true) {
      callback(null, all);
    } else if (first !== undefined) {
      callback(null, first.address, first.family);
    }
  };
}

async function allowedAddresses({ url, policy }: HttpPost, resolve: Resolve): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  if (addresses.length === 0) {
    throw new HttpFailure('the name does not resolve');
  }
  for (const address of addresses) {
    const problem = addressProblem(address, url.protocol === 'https:', policy);
    if (problem !== null) {
      throw new HttpFailure(`not sent: ${problem}`);
    }
  }
  return addresses;
}

/** Lets the endpoint finish a short answer; one that is long or slow is cut off. */
async function passOver(body: AsyncIterable<unknown> & { destroy(): void }): Promise<void> {
  const limit = setTimeout(() => {
    body.destroy();
  }, BODY_WAIT_MS);
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += Buffer.isBuffer(chunk) ? chunk.length : 0;
      if (bytes > BODY_BYTES_MAX) {
        break;
      }
    }
  } catch {
    // The status has come; how the connection ends after it does not matter.
  } finally {
    clearTimeout(limit);
  }
}

/** @param onStatus the answer is known, so that time does not matter any more */
async function exchange(
  request: HttpPost,
  resolve: Resolve,
  signal: AbortSignal,
  onStatus: () => void,
): Promise<HttpAnswer> {
  const addresses = await allowedAddresses(request, resolve);
  signal.throwIfAborted();
  const { url, headers, body, ca, timeoutMs } = request;
  // A megabyte of code, which a daemon without receivers never needs.
  const { default: undici } = await import('undici');
  const client = new undici.Client(url.origin, {
    pipelining: 1,
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: timeoutMs,
    bodyTimeout: BODY_WAIT_MS,
    connect: { lookup: pinnedLookup(addresses), timeout: timeoutMs, ...(ca === null ? {} : { ca }) },
  });
  try {
    const path = url.pathname + url.search;
    const response = await client.request({ method: 'POST', path, headers, body, signal });
    onStatus();
    await passOver(response.body);
    const retryAfter = response.headers['retry-after'];
    return { status: response.statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
  } finally {
    await client.destroy();
  }
}

/**
 * @param stop ends it early
 * @throws HttpFailure if there was no answer in time
 */
export async function post(request: HttpPost, resolve: Resolve, stop: AbortSignal): Promise<HttpAnswer> {
  const controller = new AbortController();
  const failed = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => {
      reject(controller.signal.reason as Error);
    });
  });
  const onStop = (): void => {
    controller.abort(new HttpFailure('stuckd is stopping'));
  };
  stop.addEventListener('abort', onStop);
  const timer = setTimeout(() => {
    controller.abort(new HttpFailure(`no answer within ${request.timeoutMs / 1000} s`));
  }, request.timeoutMs);
  if (stop.aborted) {
    onStop();
  }
  const work = exchange(request, resolve, controller.signal, () => {
    clearTimeout(timer);
  });
  try {
    // A name that is being resolved cannot be interrupted, so it is left behind.
    return await Promise.race([work, failed]);
  } catch (error) {
    work.catch(() => undefined);
    throw failureOf(error);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', onStop);
  }
}
