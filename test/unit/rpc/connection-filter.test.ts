// Proves which records a filter of a request means, how peers are read, that nonsense is refused by name, and that a page
// token holds for its own query only.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import type { StuckRecord } from '../../../daemon/core/record.js';
import type { Workload } from '../../../daemon/core/workload.js';
import { type ConnectionFilter, parseConnectionFilter } from '../../../daemon/rpc/connection-filter.js';
import type { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { decodePageToken, encodePageToken } from '../../../daemon/rpc/page-token.js';
import { factsOfRecord } from '../../../daemon/rpc/filter-facts.js';
import { parsePeer } from '../../../daemon/rpc/peer-address.js';
import { timestampFromUs } from '../../../daemon/rpc/proto-time.js';
import { RpcError } from '../../../daemon/rpc/status.js';
import {
  createClock,
  createRecord,
  createWorkloads,
  EPOCH_MONO_US,
  EPOCH_REAL_US,
  OWNER,
  WORKLOAD,
} from './sample-records.js';

type Filter = stuckd.v1.ConnectionFilter.$Properties;

function parse(filter: Filter | null, workload: Workload | null = null): ConnectionFilter {
  return parseConnectionFilter(filter, createClock(), createWorkloads(workload));
}

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
      const parsed = parse(filter);
      assert.equal(parsed.matches(record), expected);
      const onDisk = JSON.stringify(factsOfRecord(record, createClock(), createWorkloads()));
      assert.equal(parsed.matchesStored(onDisk), expected, 'and so it is on disk');
    });
  }

  const nonsense: readonly [string, Filter, RegExp][] = [
    ['an unknown kind', { kinds: [99 as stuckd.v1.StuckKind] }, /filter\.kinds.*99/],
    ['a host name', { peers: ['example'] }, /filter\.peers.*"example"/],
    ['control characters', { peers: ['\x1b[2J'] }, /filter\.peers.*"\\u001b\[2J"/],
    ['a short container id', { containers: ['3f1c3f1c3f1'] }, /filter\.containers.*"3f1c3f1c3f1".*12 digits/],
    ['no container', { containers: [''] }, /filter\.containers/],
    ['what no pod is called', { pods: ['shop/web/app'] }, /filter\.pods.*"shop\/web\/app"/],
    ['a pod of control characters', { pods: ['\x1b[2J'] }, /filter\.pods.*"\\u001b\[2J"/],
    ['no unit', { units: [''] }, /filter\.units/],
    ['a unit without end', { units: ['a'.repeat(256)] }, /filter\.units/],
    ['too many pods', { pods: Array.from({ length: 1001 }, () => 'web') }, /filter\.pods has 1001/],
    ['too many values', { pids: Array.from({ length: 1001 }, (_, pid) => pid) }, /filter\.pids has 1001/],
  ];
  for (const [name, filter, naming] of nonsense) {
    test(`${name} is refused`, () => {
      assert.throws(() => parse(filter), isInvalidArgument(naming));
    });
  }

  test('the same filter in another order and another spelling has the same fingerprint', () => {
    const fingerprint = (filter: Filter): string => parse(filter).fingerprint;
    assert.equal(
      fingerprint({ pids: [1, 2], peers: ['::ffff:10.0.0.2'] }),
      fingerprint({ pids: [2, 1, 1], peers: ['10.0.0.2'] }),
    );
    assert.notEqual(fingerprint({ pids: [1] }), fingerprint({ netns: [1] }));
    assert.notEqual(fingerprint({ pids: [12] }), fingerprint({ pids: [1, 2] }));
  });

  test('what belongs to nothing that is known matches no container, pod or unit', () => {
    for (const filter of [{ containers: [WORKLOAD.containerId] }, { pods: ['web'] }, { units: ['web.service'] }]) {
      assert.equal(parse(filter).matches(shared), false);
      assert.equal(parse(filter).matchesAll, false);
    }
  });

  test('containers, pods and times have their part in the fingerprint', () => {
    const time = timestampFromUs(EPOCH_REAL_US);
    const filters: Filter[] = [
      { containers: ['web'] },
      { pods: ['web'] },
      { units: ['web'] },
      { stuckAfter: time },
      { detectedBefore: time },
      {},
    ];
    assert.equal(new Set(filters.map((filter) => parse(filter).fingerprint)).size, filters.length);
    assert.equal(parse({ stuckAfter: time }).matchesAll, false);
    assert.equal(parse({ detectedBefore: time }).matchesAll, false);
  });

  test('only a filter that excludes nothing says so', () => {
    assert.equal(parse({ kinds: [0] }).matchesAll, true);
    assert.equal(parse({ kinds: [1] }).matchesAll, false);
  });
});

describe('filter by container, pod and unit', () => {
  const { containerId } = WORKLOAD;
  const service: Workload = { ...WORKLOAD, containerId: '', pod: '', podNamespace: '', unit: 'nginx.service' };
  const lxc: Workload = { ...service, containerId: 'web', containerRuntime: 'lxc', unit: '' };
  const table: readonly [string, Filter, Workload, boolean][] = [
    ['the container', { containers: [containerId] }, WORKLOAD, true],
    ['its first 12 digits', { containers: [containerId.slice(0, 12)] }, WORKLOAD, true],
    ['the digits of another', { containers: [`${containerId.slice(0, 11)}f`] }, WORKLOAD, false],
    ['its last digits', { containers: [containerId.slice(-13)] }, WORKLOAD, false],
    ['an id that is longer', { containers: [`${containerId}0`] }, WORKLOAD, false],
    ['one of two containers', { containers: ['f'.repeat(64), containerId] }, WORKLOAD, true],
    ['a container by its name', { containers: ['web'] }, lxc, true],
    ['the beginning of a name', { containers: ['we'] }, lxc, false],
    ['no container', { containers: [containerId] }, service, false],
    ['the pod', { pods: ['web-7d9c'] }, WORKLOAD, true],
    ['the pod in its namespace', { pods: ['shop/web-7d9c'] }, WORKLOAD, true],
    ['the pod in another namespace', { pods: ['other/web-7d9c'] }, WORKLOAD, false],
    ['the beginning of its name', { pods: ['web'] }, WORKLOAD, false],
    ['the unit', { units: ['nginx.service'] }, service, true],
    ['another unit', { units: ['nginx'] }, service, false],
    ['fields are combined with AND', { pods: ['web-7d9c'], units: ['nginx.service'] }, WORKLOAD, false],
  ];
  for (const [name, filter, workload, expected] of table) {
    test(name, () => {
      const parsed = parse(filter, workload);
      assert.equal(parsed.matches(createRecord()), expected);
      const onDisk = JSON.stringify(factsOfRecord(createRecord(), createClock(), createWorkloads(workload)));
      assert.equal(parsed.matchesStored(onDisk), expected, 'and so it is on disk');
    });
  }
});

describe('filter by time', () => {
  const at = (seconds: number): ReturnType<typeof timestampFromUs> =>
    timestampFromUs(EPOCH_REAL_US + seconds * 1_000_000);
  const open = createRecord({ detectedUs: EPOCH_MONO_US - 60_000_000 });
  const ended: StuckRecord = { ...open, outcome: 'recovered', endUs: EPOCH_MONO_US - 30_000_000 };
  const table: readonly [string, Filter, StuckRecord, boolean][] = [
    ['stuck now', { stuckAfter: at(0) }, open, true],
    ['ended after', { stuckAfter: at(-31) }, ended, true],
    ['ended at that time', { stuckAfter: at(-30) }, ended, true],
    ['ended before', { stuckAfter: at(-29) }, ended, false],
    ['detected before', { detectedBefore: at(-59) }, open, true],
    ['detected at that time', { detectedBefore: at(-60) }, open, false],
    ['detected after', { detectedBefore: at(-61) }, ended, false],
    ['within a range', { stuckAfter: at(-40), detectedBefore: at(-50) }, ended, true],
  ];
  for (const [name, filter, record, expected] of table) {
    test(name, () => {
      assert.equal(parse(filter).matches(record), expected);
    });
  }
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
