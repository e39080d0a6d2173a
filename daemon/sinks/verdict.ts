/** What an attempt means for a delivery: done, try again, or never. And how long to wait before the next one. */
import { STATUS_CODES } from 'node:http';

export type Verdict =
  | { readonly kind: 'delivered'; readonly httpStatus: number }
  /** `retryAfterMs`: as the endpoint asked for; 0 if it did not. */
  | { readonly kind: 'retry'; readonly httpStatus: number; readonly error: string; readonly retryAfterMs: number }
  | { readonly kind: 'final'; readonly httpStatus: number; readonly error: string }
  /** The daemon stops: nothing is known of the endpoint, and the message is sent after the next start. */
  | { readonly kind: 'abandoned'; readonly httpStatus: number; readonly error: string };

const REQUEST_TIMEOUT = 408;
const TOO_EARLY = 425;
const TOO_MANY_REQUESTS = 429;

/** Answers that say "not now"; any other 4xx says that the same request will never be taken. */
const PASSING = new Set([REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS]);

/** An endpoint that asks for more is asked again after this time nevertheless: its clock or its mind may be wrong. */
export const RETRY_AFTER_MAX_MS = 3_600_000;

const BACKOFF_MIN_MS = 1000;
export const BACKOFF_MAX_MS = 300_000;

/** @param text of the header Retry-After: seconds or a date (RFC 9110, 10.2.3). @returns milliseconds; 0 for nonsense */
export function parseRetryAfter(text: string | null, nowMs: number): number {
  if (text === null) {
    return 0;
  }
  const waitMs = /^\d{1,10}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? 0 : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS);
}

/** The words are ours: what the endpoint writes beside its status goes nowhere. */
function statusText(httpStatus: number): string {
  const words = STATUS_CODES[httpStatus];
  return words === undefined ? `HTTP ${httpStatus}` : `HTTP ${httpStatus} ${words}`;
}

export function verdictOfStatus(httpStatus: number, retryAfter: string | null, nowMs: number): Verdict {
  if (httpStatus >= 200 && httpStatus < 300) {
    return { kind: 'delivered', httpStatus };
  }
  const error = statusText(httpStatus);
  if (httpStatus >= 400 && httpStatus < 500 && !PASSING.has(httpStatus)) {
    return { kind: 'final', httpStatus, error };
  }
  // A redirect may be what stands before an endpoint that is being repaired, so it is not final; nor is it followed.
  const isRedirect = httpStatus >= 300 && httpStatus < 400;
  return {
    kind: 'retry',
    httpStatus,
    error: isRedirect ? `${error}: redirects are not followed` : error,
    retryAfterMs: parseRetryAfter(retryAfter, nowMs),
  };
}

/**
 * Full jitter: anything up to a bound that doubles, so that many senders do not come back at the same moment.
 * @param failures in a row, from 1. @param random from 0 to 1
 */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(BACKOFF_MIN_MS * 2 ** Math.min(failures, 30), BACKOFF_MAX_MS);
}
