// Proves, as tables, what an answer means for a delivery, how Retry-After is read and bounded, and that waiting times grow
// with full jitter up to their bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backoffMs,
  BACKOFF_MAX_MS,
  parseRetryAfter,
  RETRY_AFTER_MAX_MS,
  verdictOfStatus,
} from '../../../daemon/sinks/verdict.js';
import { EPOCH_MS } from './sample-alerts.js';

const kinds = {
  delivered: [200, 201, 202, 204],
  retry: [301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599, 199],
  final: [400, 401, 403, 404, 405, 410, 413, 422, 451],
};

for (const [kind, statuses] of Object.entries(kinds)) {
  test(`${kind}: ${statuses.join(', ')}`, () => {
    for (const status of statuses) {
      const verdict = verdictOfStatus(status, null, EPOCH_MS);
      assert.equal(verdict.kind, kind, String(status));
      assert.equal(verdict.httpStatus, status);
    }
  });
}

test('the words of a verdict are ours', () => {
  assert.deepEqual(verdictOfStatus(503, '7', EPOCH_MS), {
    kind: 'retry',
    httpStatus: 503,
    error: 'HTTP 503 Service Unavailable',
    retryAfterMs: 7000,
  });
  const redirect = verdictOfStatus(302, null, EPOCH_MS);
  assert.equal(redirect.kind === 'retry' ? redirect.error : '', 'HTTP 302 Found: redirects are not followed');
});

const retryAfters: readonly (readonly [string | null, number])[] = [
  [null, 0],
  ['0', 0],
  ['120', 120_000],
  [' 5 ', 5000],
  ['999999', RETRY_AFTER_MAX_MS],
  ['-5', 0],
  ['soon', 0],
  ['', 0],
  [new Date(EPOCH_MS + 90_000).toUTCString(), 90_000],
  [new Date(EPOCH_MS - 90_000).toUTCString(), 0],
  [new Date(EPOCH_MS + 1e11).toUTCString(), RETRY_AFTER_MAX_MS],
];

for (const [text, expected] of retryAfters) {
  test(`Retry-After: ${text ?? 'none'}`, () => {
    assert.equal(parseRetryAfter(text, EPOCH_MS), expected);
  });
}

test('full jitter: between nothing and a bound that doubles', () => {
  assert.equal(backoffMs(1, 0), 0);
  assert.equal(backoffMs(1, 1), 2000);
  assert.equal(backoffMs(2, 0.5), 2000);
  assert.equal(backoffMs(100, 1), BACKOFF_MAX_MS);
});
