// Proves what becomes a row of `stuckctl top`, what it counts, and how a watch keeps the connections behind it: snapshots,
// losses, ends, and more of them than there is room for.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../../../daemon/cli/connection-text.js';
import { FollowedRecords } from '../../../../daemon/cli/top/followed-records.js';
import { groupRows, totalsOf } from '../../../../daemon/cli/top/top-rows.js';
import { timestampFromUs } from '../../../../daemon/rpc/proto-time.js';
import { EPOCH_MONO_US, EPOCH_REAL_US, OWNER } from '../../rpc/sample-records.js';
import { connection, NOW_MS, SAMPLE } from './sample-rows.js';

describe('rows', () => {
  test('one for each process and peer; what came in by its port; orphans for themselves', () => {
    const rows = groupRows(SAMPLE, new Map());
    assert.deepEqual(
      rows.map(({ process, peer, connections }) => [process, peer, connections.length]),
      [
        ['node[12900]', '10.0.0.2:8000', 2],
        ['curl[7]', '[2001:db8:1234:5678:9abc:def0:1234:5678]:443', 1],
        ['\u65e5\u672c\u8a9e\\x1b[31m[1234567]', 'clients of :8080', 1],
        ['orphan (curl[7])', '10.0.0.2:8000', 1],
      ],
    );
  });

  test('the oldest, the first that ends, bytes and kinds', () => {
    const [row] = groupRows(
      [
        connection({ id: 'a', giveUp: null }),
        connection({ id: 'b', sinceUs: EPOCH_MONO_US - 81_000_000, unackedBytes: 1 }),
        connection({ id: 'c', kind: 'closing' }),
      ],
      new Map(),
    );
    assert.ok(row !== undefined);
    assert.deepEqual(
      row.connections.map(({ id }) => id),
      ['b', 'a', 'c'],
    );
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

  test('a pid that is used again is another process', () => {
    const again = connection({ id: 'b', owner: { ...OWNER, startBootUs: EPOCH_MONO_US } });
    assert.equal(groupRows([connection({ id: 'a' }), again], new Map()).length, 2);
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
      connection({ id: 'a' }),
      connection({ id: 'b', ...inbound }),
      connection({ id: 'c', ...inbound }),
      connection({ id: 'd', remote: { address: '10.0.0.2', port: 8001 } }),
    ];
    assert.deepEqual(
      groupRows(all, totals).map(({ totalCount }) => totalCount),
      [10, 2, null],
    );
  });
});

describe('followed records', () => {
  const ids = (records: FollowedRecords): string[] => [...records.connections].map(({ id }: Connection) => id ?? '');
  const one = (id: string): Connection => connection({ id });

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
});
