// Proves which records a filter of a request means, how peers are read, that nonsense is refused by name, and that a page
// token holds for its own query only.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { parseConnectionFilter } from '../../../daemon/rpc/connection-filter.js';
import type { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { decodePageToken, encodePageToken } from '../../../daemon/rpc/page-token.js';
import { factsOfRecord } from '../../../daemon/rpc/filter-facts.js';
import { parsePeer } from '../../../daemon/rpc/peer-address.js';
import { timestampFromUs } from '../../../daemon/rpc/proto-time.js';
import { RpcError } from '../../../daemon/rpc/status.js';
import { createClock, createRecord, EPOCH_MONO_US, EPOCH_REAL_US, OWNER } from './sample-records.js';

type Filter = stuckd.v1.ConnectionFilter.$Properties;

function isInvalidArgument(naming: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof RpcError && error.code === status.INVALID_ARGUMENT && naming.test(error.message);
}

describe('filter', () => {
  const shared = createRecord({
    owner: { ...OWNER, holders: [...OWNER.holders, { pid: 13000, comm: 'worker', fd: 5 }] },
  });
  const orphan = createRecord({ kind: 'closing', ownerType: 'orphan', owner: null, lastOwner: OWNER });
  const ended = createRecord({ outcome: 'recovered', endUs: EPOCH_MONO_US - 1_000_000 });
  const ipv6 = createRecord({ remote: { address: '2001:db8::2', port: 80 } });
  const table: readonly [string, Filter | null, StuckRecord, boolean][] = [
    ['no filter', null, shared, true],
    ['an empty filter', {}, shared, true],
    ['the owner', { pids: [12900] }, shared, true],
    ['another holder', { pids: [13000] }, shared, true],
    ['a stranger', { pids: [1] }, shared, false],
    ['the process that left an orphan', { pids: [12900] }, orphan, true],
    ['the kind', { kinds: [7, 1] }, orphan, true],
    ['another kind', { kinds: [1] }, orphan, false],
    ['any kind', { kinds: [0, 1] }, orphan, true],
    ['the peer', { peers: ['10.0.0.2'] }, shared, true],
    ['the peer as IPv4-mapped IPv6', { peers: ['::ffff:10.0.0.2'] }, shared, true],
    ['the peer and its port', { peers: ['10.0.0.2:8000'] }, shared, true],
    ['the peer and another port', { peers: ['10.0.0.2:80'] }, shared, false],
    ['another peer', { peers: ['10.0.0.20'] }, shared, false],
    ['IPv6 written at length', { peers: ['2001:0DB8:0:0::0002'] }, ipv6, true],
    ['IPv6 with a port', { peers: ['[2001:db8::2]:80'] }, ipv6, true],
    ['IPv6 with another port', { peers: ['[2001:db8::2]:81'] }, ipv6, false],
    ['one of two peers', { peers: ['10.9.9.9', '10.0.0.2'] }, shared, true],
    ['the namespace', { netns: [4026531840] }, shared, true],
    ['another namespace', { netns: [1] }, shared, false],
    ['stuck after a time, and still is', { stuckAfter: timestampFromUs(EPOCH_REAL_US) }, shared, true],
    ['stuck after its end', { stuckAfter: timestampFromUs(EPOCH_REAL_US) }, ended, false],
    ['stuck after a time before its end', { stuckAfter: timestampFromUs(EPOCH_REAL_US - 2_000_000) }, ended, true],
    ['detected before then', { detectedBefore: timestampFromUs(EPOCH_REAL_US - 78_000_000) }, shared, true],
    ['detected later', { detectedBefore: timestampFromUs(EPOCH_REAL_US - 79_000_000) }, shared, false],
    ['fields are combined with AND', { pids: [12900], netns: [1] }, shared, false],
  ];
  for (const [name, filter, record, expected] of table) {
    test(name, () => {
      const parsed = parseConnectionFilter(filter, createClock());
      assert.equal(parsed.matches(record), expected);
      const onDisk = JSON.stringify(factsOfRecord(record, createClock()));
      assert.equal(parsed.matchesStored(onDisk), expected, 'and so it is on disk');
    });
  }

  const nonsense: readonly [string, Filter, RegExp][] = [
    ['an unknown kind', { kinds: [99 as stuckd.v1.StuckKind] }, /filter\.kinds.*99/],
    ['a host name', { peers: ['example'] }, /filter\.peers.*"example"/],
    ['control characters', { peers: ['\x1b[2J'] }, /filter\.peers.*"\\u001b\[2J"/],
    ['too many values', { pids: Array.from({ length: 1001 }, (_, pid) => pid) }, /filter\.pids has 1001/],
  ];
  for (const [name, filter, naming] of nonsense) {
    test(`${name} is refused`, () => {
      assert.throws(() => parseConnectionFilter(filter, createClock()), isInvalidArgument(naming));
    });
  }

  test('the same filter in another order and another spelling has the same fingerprint', () => {
    const fingerprint = (filter: Filter): string => parseConnectionFilter(filter, createClock()).fingerprint;
    assert.equal(
      fingerprint({ pids: [1, 2], peers: ['::ffff:10.0.0.2'] }),
      fingerprint({ pids: [2, 1, 1], peers: ['10.0.0.2'] }),
    );
    assert.notEqual(fingerprint({ pids: [1] }), fingerprint({ netns: [1] }));
    assert.notEqual(fingerprint({ pids: [12] }), fingerprint({ pids: [1, 2] }));
  });

  test('only a filter that excludes nothing says so', () => {
    assert.equal(parseConnectionFilter({ kinds: [0] }, createClock()).matchesAll, true);
    assert.equal(parseConnectionFilter({ kinds: [1] }, createClock()).matchesAll, false);
  });
});

describe('parsePeer', () => {
  const table: readonly [string, { address: string; port: number | null } | null][] = [
    ['10.0.0.2', { address: '10.0.0.2', port: null }],
    ['10.0.0.2:80', { address: '10.0.0.2', port: 80 }],
    ['::1', { address: '::1', port: null }],
    ['[::1]', { address: '::1', port: null }],
    ['[::1]:65535', { address: '::1', port: 65535 }],
    ['2001:DB8::0:2', { address: '2001:db8::2', port: null }],
    ['::ffff:1.2.3.4', { address: '1.2.3.4', port: null }],
    ['[::ffff:102:304]:5', { address: '1.2.3.4', port: 5 }],
    ['', null],
    [':80', null],
    ['10.0.0.2:', null],
    ['10.0.0.2:0', null],
    ['10.0.0.2:65536', null],
    ['10.0.0.2:80:90', null],
    ['10.0.0.2:8 0', null],
    ['10.0.0', null],
    ['010.0.0.2', null],
    ['[10.0.0.2]:80', null],
    ['[::1', null],
    ['[::1]x', null],
    ['fe80::1%eth0', null],
    ['localhost:80', null],
  ];
  for (const [text, expected] of table) {
    test(JSON.stringify(text), () => {
      assert.deepEqual(parsePeer(text), expected);
    });
  }

  test('any text is a peer or null, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.ipV6(), fc.ipV4()), (text) => {
        const peer = parsePeer(text);
        assert.notEqual(peer?.address, '');
      }),
    );
  });
});

describe('page token', () => {
  test('comes back for the same query', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 200 }), (query, id) => {
        fc.pre(id !== '');
        assert.equal(decodePageToken(encodePageToken(query, id), query), id);
      }),
    );
  });

  test('no token is the first page', () => {
    assert.equal(decodePageToken('', 'q'), '');
  });

  test('the token of another query is refused', () => {
    assert.throws(() => decodePageToken(encodePageToken('a', 'c1'), 'b'), isInvalidArgument(/another filter/));
  });

  test('anything else is refused', () => {
    const isRefused = isInvalidArgument(/page_token/);
    for (const token of ['x', 'bnVsbA', Buffer.from('[2,"q","c1"]').toString('base64url'), 'A'.repeat(100_000)]) {
      assert.throws(() => decodePageToken(token, 'q'), isRefused, token.slice(0, 20));
    }
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (token) => {
        assert.throws(() => decodePageToken(token, 'q'), isRefused);
      }),
    );
  });
});
