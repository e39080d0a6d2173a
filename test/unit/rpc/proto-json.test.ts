// Proves that messages become exactly the proto3 JSON mapping, by golden text taken from the specification of the mapping.
// It cannot prove what another implementation prints for messages that are not here.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Long from 'long';
import { google, stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { toProtoJson } from '../../../daemon/rpc/proto-json.js';
import { durationFromUs, durationToMs, timestampFromUs, timestampToMs } from '../../../daemon/rpc/proto-time.js';

const v1 = stuckd.v1;

function timestamp(seconds: number, nanos: number): google.protobuf.Timestamp {
  return google.protobuf.Timestamp.create({ seconds: Long.fromNumber(seconds), nanos });
}

function duration(seconds: number, nanos: number): google.protobuf.Duration {
  return google.protobuf.Duration.create({ seconds: Long.fromNumber(seconds), nanos });
}

describe('well-known types', () => {
  const table: readonly (readonly [google.protobuf.Timestamp | google.protobuf.Duration, string])[] = [
    [timestamp(0, 0), '1970-01-01T00:00:00Z'],
    [timestamp(1_795_292_100, 500_000_000), '2026-11-21T20:15:00.500Z'],
    [timestamp(1_795_292_100, 500_001_000), '2026-11-21T20:15:00.500001Z'],
    [timestamp(1_795_292_100, 1), '2026-11-21T20:15:00.000000001Z'],
    [timestamp(1_795_292_100, 100), '2026-11-21T20:15:00.000000100Z'],
    [timestamp(253_402_300_799, 999_999_999), '9999-12-31T23:59:59.999999999Z'],
    [duration(0, 0), '0s'],
    [duration(1, 0), '1s'],
    [duration(1, 500_000_000), '1.500s'],
    [duration(1, 340_012), '1.000340012s'],
    [duration(0, 250_000), '0.000250s'],
    [duration(-1, -500_000_000), '-1.500s'],
    [duration(0, -500_000_000), '-0.500s'],
  ];
  for (const [message, expected] of table) {
    test(expected, () => {
      assert.equal(toProtoJson(message), expected);
    });
  }
});

describe('messages', () => {
  test('golden text of a change', () => {
    const sent = v1.Change.encode({
      time: { seconds: Long.fromNumber(1_795_292_100), nanos: 42_000_000 },
      opened: {
        id: 'c1',
        kind: v1.StuckKind.STUCK_KIND_CLOSING,
        cookie: Long.MAX_UNSIGNED_VALUE,
        ownerType: v1.OwnerType.OWNER_TYPE_UNSPECIFIED,
        retransmits: 0,
        sinceAtLeast: false,
        owner: { comm: 'a\u202e"\n', holders: [{ pid: 1 }, { pid: 0, fd: 3 }] },
        giveUp: { never: true },
        options: { userTimeout: { seconds: Long.fromNumber(1), nanos: 500_000_000 } },
        diagnosis: {},
      },
    }).finish();
    assert.equal(
      JSON.stringify(toProtoJson(v1.Change.decode(sent))),
      '{"time":"2026-11-21T20:15:00.042Z","opened":{"id":"c1","kind":"STUCK_KIND_CLOSING",' +
        '"cookie":"18446744073709551615","owner":{"comm":"a\u202e\\"\\n","holders":[{"pid":1},{"fd":3}]},' +
        '"options":{"userTimeout":"1.500s"},"giveUp":{"never":true},"diagnosis":{}}}',
    );
  });

  test('an enum value that this version does not know is its number', () => {
    const sent = v1.StuckConnection.encode({ kind: 99 as stuckd.v1.StuckKind }).finish();
    assert.deepEqual(toProtoJson(v1.StuckConnection.decode(sent)), { kind: 99 });
  });

  test('an empty message of a oneof is there', () => {
    const sent = v1.Change.encode({ snapshotEnd: {} }).finish();
    assert.deepEqual(toProtoJson(v1.Change.decode(sent)), { snapshotEnd: {} });
  });

  test('what is no message is refused', () => {
    assert.throws(() => toProtoJson({ kind: 1 }), TypeError);
  });
});

describe('times', () => {
  test('microseconds survive', () => {
    const us = 1_795_292_100_123_456;
    assert.deepEqual(timestampFromUs(us), { seconds: Long.fromNumber(1_795_292_100), nanos: 123_456_000 });
    assert.equal(timestampToMs(timestampFromUs(us)), us / 1000);
    assert.equal(durationToMs(durationFromUs(-1_500_000)), -1500);
    assert.deepEqual(durationFromUs(-1_500_000), { seconds: Long.fromNumber(-1), nanos: -500_000_000 });
  });

  test('what no calendar holds becomes the nearest time that one does', () => {
    assert.equal(timestampToMs(timestampFromUs(-5)), 0);
    assert.equal(timestampToMs(timestampFromUs(Number.NaN)), 0);
    assert.equal(timestampToMs(timestampFromUs(Infinity)), 253_402_300_799_000);
  });
});
