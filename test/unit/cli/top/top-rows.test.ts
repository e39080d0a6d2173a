// Proves what becomes a row of `stuckctl top`, what it counts, and how a watch keeps the connections behind it: snapshots,
// losses, ends, and more of them than there is room for.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FollowedRecords } from '../../../../daemon/cli/top/followed-records.js';
import type { TopConnection } from '../../../../daemon/cli/top/top-connection.js';
import { groupRows, rowWithout, totalsOf, type TopTotals } from '../../../../daemon/cli/top/top-rows.js';
import { timestampFromUs } from '../../../../daemon/rpc/proto-time.js';
import { EPOCH_MONO_US, EPOCH_REAL_US, OWNER } from '../../rpc/sample-records.js';
import { connection, listed, NOW_MS, SAMPLE } from './sample-rows.js';

describe('rows', () => {
  test('one for each process and peer; what came in by its port; orphans for themselves', () => {
    const rows = groupRows(SAMPLE, new Map());
    assert.deepEqual(
      rows.map(({ process, peer, connections }) => [process, peer, connections.length]),
      [
        ['node[12900]', '10.0.0.2:8000', 2],
        ['curl[7]', '[2001:db8:1234:5678:9abc:def0:1234:5678]:443', 1],
        ['\u65e5\u672c\u8a9e\\x1b[31m[1234567]', 'clients of :8080', 1],
        ['curl[7] (orphan)', '10.0.0.2:8000', 1],
      ],
    );
  });

  test('the oldest, the first that ends, bytes and kinds', () => {
    const [row] = groupRows(
      [
        listed({ id: 'a', giveUp: null }),
        listed({ id: 'b', sinceUs: EPOCH_MONO_US - 81_000_000, unackedBytes: 1 }),
        listed({ id: 'c', kind: 'closing' }),
      ],
      new Map(),
    );
    assert.ok(row !== undefined);
    assert.equal(row.oldestSinceMs, NOW_MS - 81_000);
    assert.equal(row.earliestGiveUpMs, NOW_MS + 843_000);
    assert.equal(row.unackedBytes, 825);
    assert.deepEqual(
      [...row.kinds],
      [
        ['retransmitting', 2],
        ['closing', 1],
      ],
    );
  });

  test('without a process: the network namespace tells one container from another', () => {
    const orphan = { owner: null, lastOwner: null, ownerType: 'orphan' } as const;
    const inbound = { ...orphan, direction: 'inbound' } as const;
    const all = [
      listed({ id: 'a', ...orphan, netns: 1 }),
      listed({ id: 'b', ...orphan, netns: 2 }),
      listed({ id: 'c', ...inbound, netns: 1 }),
      listed({ id: 'd', ...inbound, netns: 2 }),
      listed({ id: 'e', ...inbound, netns: 2 }),
    ];
    assert.deepEqual(
      groupRows(all, new Map()).map(({ connections }) => connections.length),
      [1, 1, 1, 2],
    );
  });

  test('the process stands before its circumstances', () => {
    const names = (['orphan', 'unaccepted', 'unknown', 'kernel'] as const).map((ownerType) => {
      const isLast = ownerType === 'orphan';
      return listed({ ownerType, owner: isLast ? null : OWNER, lastOwner: isLast ? OWNER : null }).process;
    });
    assert.deepEqual(names, ['node[12900] (orphan)', 'node[12900] (not accepted)', 'node[12900] (unknown)', 'kernel']);
    assert.equal(listed({ ownerType: 'unknown', owner: null }).process, 'unknown');
  });

  test('a pid that is used again is another process', () => {
    const again = listed({ id: 'b', owner: { ...OWNER, startBootUs: EPOCH_MONO_US } });
    assert.equal(groupRows([listed({ id: 'a' }), again], new Map()).length, 2);
  });

  test('a row of which nothing has changed is the same one', () => {
    const [one, other, third] = [listed({ id: 'a' }), listed({ id: 'b' }), listed({ id: 'c', owner: null })];
    const before = groupRows([one, other, third], new Map());
    const isSame = (connections: readonly TopConnection[], totals: TopTotals = new Map()): readonly boolean[] =>
      groupRows(connections, totals, before).map((row, index) => row === before[index]);
    assert.deepEqual(isSame([one, other, third]), [true, true]);
    assert.deepEqual(isSame([one, listed({ id: 'b' }), third]), [false, true]);
    assert.deepEqual(isSame([one, third]), [false, true]);
    assert.deepEqual(isSame([one, other, listed({ id: 'd' }), third]), [false, true]);
    assert.deepEqual(isSame([one, other, third], new Map([[one.rowKey, 7]])), [false, true]);
  });

  test('without some kinds: every number is that of the others', () => {
    const [row] = groupRows(
      [
        listed({ id: 'a', kind: 'closing', sinceUs: EPOCH_MONO_US - 99_000_000, giveUp: null }),
        listed({ id: 'b', kind: 'zombie', informational: true, unackedBytes: 1 }),
      ],
      new Map([[listed().rowKey, 10]]),
    );
    assert.ok(row !== undefined);
    assert.equal(rowWithout(row, new Set(['unread'])), row);
    assert.equal(rowWithout(row, new Set(['closing', 'zombie'])), null);
    const { connections, totalCount, kinds, oldestSinceMs, earliestGiveUpMs, unackedBytes, isInformational } =
      rowWithout(row, new Set(['closing'])) ?? row;
    assert.deepEqual(
      [connections.map(({ id }) => id), totalCount, [...kinds], oldestSinceMs, earliestGiveUpMs, unackedBytes],
      [['b'], 10, [['zombie', 1]], NOW_MS - 80_000, NOW_MS + 843_000, 1],
    );
    assert.deepEqual([isInformational, row.isInformational], [true, false]);
  });

  test('totals belong to the process and the destination, and are never less than what is stuck', () => {
    const startTime = timestampFromUs(EPOCH_REAL_US - 60_000_000);
    const destinations = [
      { peer: { address: '10.0.0.2', port: 8000 }, stuckCount: 1, totalCount: 10 },
      { localPort: 80, stuckCount: 1, totalCount: 1 },
    ];
    const totals = totalsOf([{ process: { pid: OWNER.pid, comm: 'node', startTime }, destinations }]);
    const inbound = { direction: 'inbound', local: { address: '10.0.0.1', port: 80 } } as const;
    const all = [
      listed({ id: 'a' }),
      listed({ id: 'b', ...inbound }),
      listed({ id: 'c', ...inbound }),
      listed({ id: 'd', remote: { address: '10.0.0.2', port: 8001 } }),
    ];
    assert.deepEqual(
      groupRows(all, totals).map(({ totalCount }) => totalCount),
      [10, 2, null],
    );
  });
});

describe('followed records', () => {
  const ids = (records: FollowedRecords): string[] => [...records.connections].map(({ id }) => id);
  const one = (id: string): ReturnType<typeof connection> => connection({ id });

  test('a snapshot takes the place of what there was when it is complete', () => {
    const records = new FollowedRecords();
    records.restart();
    records.accept({ snapshotItem: one('a') });
    records.accept({ snapshotItem: one('b') });
    assert.deepEqual(ids(records), []);
    records.accept({ snapshotEnd: { count: 2 } });
    records.accept({ opened: one('c') });
    records.accept({ ended: one('a') });
    assert.deepEqual(ids(records), ['b', 'c']);
    records.restart();
    records.accept({ snapshotItem: one('c') });
    assert.deepEqual(ids(records), ['b', 'c'], 'in sight until the end of the snapshot');
    records.accept({ snapshotEnd: { count: 1 } });
    assert.deepEqual(ids(records), ['c']);
    records.accept({ lost: {} });
    records.accept({ snapshotItem: one('d') });
    records.accept({ snapshotEnd: { count: 1 } });
    assert.deepEqual(ids(records), ['d']);
  });

  test('what finds no room is counted', () => {
    const records = new FollowedRecords(2);
    for (const id of ['a', 'b', 'c', 'a']) {
      records.accept({ opened: one(id) });
    }
    records.accept({ updated: one('c') });
    assert.deepEqual([ids(records), records.leftOut], [['a', 'b'], 1]);
    records.accept({ ended: one('c') });
    assert.deepEqual([ids(records), records.leftOut], [['a', 'b'], 0]);
  });

  test('a new watch begins to count anew what finds no room', () => {
    const records = new FollowedRecords(1);
    records.accept({ opened: one('a') });
    records.accept({ opened: one('b') });
    records.restart();
    records.accept({ snapshotItem: one('b') });
    records.accept({ snapshotEnd: { count: 1 } });
    assert.deepEqual([ids(records), records.leftOut], [['b'], 0]);
  });

  test('there is room for 50,000', () => {
    const records = new FollowedRecords();
    for (let index = 0; index < 50_001; index += 1) {
      records.accept({ opened: { id: index.toString() } });
    }
    assert.deepEqual([ids(records).length, records.leftOut], [50_000, 1]);
  });

  test('of a connection only what lists show is kept: no diagnosis, no timeline, nothing of the message', () => {
    const records = new FollowedRecords();
    records.accept({ opened: connection() });
    const [kept] = records.connections;
    assert.deepEqual(kept, {
      ...{ id: 'c000000001', rowKey: '12900@1795292040000 10.0.0.2 8000', process: 'node[12900]' },
      ...{ peer: '10.0.0.2:8000', local: '10.0.0.1:41000', remote: '10.0.0.2:8000', kind: 'retransmitting' },
      ...{ workload: '', sinceMs: NOW_MS - 80_000, isSinceAtLeast: false, giveUpMs: NOW_MS + 843_000 },
      ...{ giveUpText: '-', retransmits: '7', unackedBytes: 412, isInformational: false, isOrphan: false },
    });
  });
});
