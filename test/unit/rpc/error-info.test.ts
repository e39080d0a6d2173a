// Proves that every reason of the contract arrives as it was sent, that no trailer of a foreign server can upset the client,
// and that a long message cannot keep the status from arriving. What a real call carries is for the acceptance tests.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { callError } from '../../../daemon/rpc/call-error.js';
import { decodeErrorInfo, encodeErrorInfo, STATUS_DETAILS_KEY } from '../../../daemon/rpc/error-info.js';
import { google, stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { RpcError, toStatus } from '../../../daemon/rpc/status.js';
import { createLog } from './sample-records.js';

function trailer(error: unknown): string | Buffer | undefined {
  return toStatus(error, '/method', createLog()).metadata.get(STATUS_DETAILS_KEY)[0];
}

describe('what a client reads', () => {
  const table: readonly (readonly [string, RpcError, object])[] = [
    [
      'reason and facts as given',
      new RpcError(status.RESOURCE_EXHAUSTED, 'full', 'TOO_MANY_SUBSCRIBERS', { limit: '64' }),
      { reason: 'TOO_MANY_SUBSCRIBERS', metadata: { limit: '64' } },
    ],
    ['what a code means', new RpcError(status.OUT_OF_RANGE, 'old'), { reason: 'RESUME_TOKEN_EXPIRED', metadata: {} }],
    ['a wrong request', new RpcError(status.INVALID_ARGUMENT, 'no'), { reason: 'INVALID_REQUEST', metadata: {} }],
    ['a code that says nothing', new RpcError(status.DATA_LOSS, 'no'), { reason: 'INTERNAL', metadata: {} }],
  ];
  for (const [name, error, expected] of table) {
    test(name, () => {
      assert.deepEqual(decodeErrorInfo(trailer(error)), expected);
    });
  }

  test('of a defect nothing but that there was one', () => {
    const bytes = trailer(new Error('secret'));
    assert.deepEqual(decodeErrorInfo(bytes), { reason: 'INTERNAL', metadata: {} });
    assert.ok(bytes instanceof Buffer && !bytes.includes('secret'));
  });

  test('the whole of google.rpc.Status, as other languages read it', () => {
    const bytes = trailer(new RpcError(status.NOT_FOUND, 'none', 'RECORD_NOT_FOUND', { id: 'c1' }));
    assert.ok(bytes instanceof Buffer);
    const { code, message, details } = google.rpc.Status.decode(bytes);
    assert.deepEqual([code, message, details.length], [5, 'none', 1]);
    assert.equal(details[0]?.type_url, 'type.googleapis.com/google.rpc.ErrorInfo');
    const { reason, domain, metadata } = google.rpc.ErrorInfo.decode(details[0].value ?? new Uint8Array());
    assert.deepEqual(
      { reason, domain, metadata },
      { reason: 'RECORD_NOT_FOUND', domain: 'stuckd', metadata: { id: 'c1' } },
    );
  });

  test('not more than fits into trailers', () => {
    const bytes = encodeErrorInfo(3, 'x'.repeat(100_000), 'INVALID_REQUEST', { id: 'y'.repeat(100_000) });
    assert.ok(bytes.length < 2000, bytes.length.toString());
  });
});

describe('trailers of somebody else', () => {
  const foreign = google.rpc.ErrorInfo.encode({ reason: 'X', domain: 'other.example' }).finish();
  const any = (type: string, value: Uint8Array): Buffer =>
    Buffer.from(google.rpc.Status.encode({ code: 5, details: [{ type_url: type, value }] }).finish());
  const table: readonly (readonly [string, string | Buffer | undefined])[] = [
    ['none', undefined],
    ['text', 'text'],
    ['rubbish', Buffer.from([0xff, 0xff, 0xff])],
    ['nothing inside', Buffer.alloc(0)],
    ['another message', any('type.googleapis.com/google.rpc.Help', foreign)],
    ['another domain', any('type.googleapis.com/google.rpc.ErrorInfo', foreign)],
    ['rubbish inside', any('type.googleapis.com/google.rpc.ErrorInfo', Buffer.from([0xff]))],
  ];
  for (const [name, bytes] of table) {
    test(name, () => {
      assert.equal(decodeErrorInfo(bytes), null);
      const metadata = new Metadata();
      if (bytes instanceof Buffer) {
        metadata.set(STATUS_DETAILS_KEY, bytes);
      }
      const error = Object.assign(new Error('5 NOT_FOUND: no'), { code: status.NOT_FOUND, details: 'no', metadata });
      assert.deepEqual(
        [callError(error).failure, callError(error).message, callError(error).info],
        ['not_found', 'no', null],
      );
    });
  }
});

test('reasons are UPPER_SNAKE_CASE of 63 characters at most, as AIP-193 has it', () => {
  const names = Object.keys(stuckd.v1.ErrorReason).filter((name) => name.startsWith('ERROR_REASON_'));
  assert.ok(names.length > 5);
  for (const name of names) {
    assert.match(name.slice('ERROR_REASON_'.length), /^[A-Z][A-Z0-9_]{1,62}$/);
  }
});
