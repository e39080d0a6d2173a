/**
 * Proves how open records and totals become groups by process and by peer: what counts where, what counts once, and that a
 * part is never more than its whole. Cannot prove the totals themselves: see test/kernel/grouping.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { groupByPeer, groupByProcess, type ProcessGroup } from '../../../daemon/core/grouping.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { NO_PEER_TOTALS, type PeerTotals } from '../../../daemon/core/sweep-totals.js';
import { createRecord, EPOCH_MONO_US, OWNER } from '../rpc/sample-records.js';

const NOW_US = EPOCH_MONO_US;
const A = { address: '10.0.0.2', port: 8000 };
const B = { address: '10.0.0.3', port: 8000 };
const OTHER = { ...OWNER, pid: 7, comm: 'other' };

let lastId = 0;
function records(count: number, changes: Partial<StuckRecord> = {}): readonly StuckRecord[] {
  return Array.from({ length: count }, () =>
    createRecord({ id: `r${String((lastId += 1)).padStart(6, '0')}`, ...changes }),
  );
}

function totals(changes: Partial<PeerTotals> = {}): PeerTotals {
  return { ...NO_PEER_TOTALS, ...changes };
}

const ORPHAN: Partial<StuckRecord> = { kind: 'closing', ownerType: 'orphan', owner: null, lastOwner: OWNER };
const LISTENER: Partial<StuckRecord> = {
  kind: 'accept_queue_full',
  state: 'LISTEN',
  local: { address: '0.0.0.0', port: 80 },
  remote: { address: '', port: 0 },
  acceptQueue: { waiting: 5, limit: 5, handshakes: 0, unanswered: 0 },
};

function share({ stuckCount, totalCount }: { stuckCount: number; totalCount: number | null }): string {
  return `${stuckCount} of ${String(totalCount)}`;
}

function destinations({ destinations: all }: ProcessGroup): string[] {
  return all.map((one) => `${one.peer === null ? `port ${one.localPort}` : one.peer.address} ${share(one)}`);
}

describe('by process', () => {
  test('nothing stuck, no groups', () => {
    assert.deepEqual(groupByProcess([], NO_PEER_TOTALS), []);
    assert.deepEqual(groupByPeer([], NO_PEER_TOTALS, NOW_US), []);
  });

  test('most stuck ones first; destinations likewise; what is not counted is unknown', () => {
    const groups = groupByProcess(
      [...records(1, { owner: OTHER }), ...records(1, { remote: B }), ...records(2)],
      totals({
        ofProcess: ({ pid }) => (pid === OWNER.pid ? 12 : null),
        ofDestination: (_, { address }) => (address === A.address ? 5 : 7),
      }),
    );
    assert.deepEqual(
      groups.map(({ process, ...group }) => `${String(process?.pid)}: ${share(group)}`),
      ['12900: 3 of 12', '7: 1 of null'],
    );
    assert.deepEqual(groups.map(destinations), [['10.0.0.2 2 of 5', '10.0.0.3 1 of 7'], ['10.0.0.2 1 of 5']]);
  });

  test('kinds, oldest, earliest end, bytes', () => {
    const giveUp = {
      latestTimeUs: null,
      reason: 'tcp_retries2',
      retransmitsLeft: 1,
      expectedError: 'ETIMEDOUT',
    } as const;
    const [oldest] = records(1, { sinceUs: 100, unackedBytes: 5, giveUp: { never: false, timeUs: 900, ...giveUp } });
    const [group] = groupByProcess(
      [
        ...records(1, { sinceUs: 300, unackedBytes: 1, giveUp: { never: false, timeUs: 800, ...giveUp } }),
        ...(oldest === undefined ? [] : [oldest]),
        ...records(2, { kind: 'close_wait', sinceUs: 200, unackedBytes: 0, giveUp: { never: true } }),
        ...records(1, { kind: 'zero_window', sinceUs: 200, unackedBytes: 0, giveUp: null }),
      ],
      NO_PEER_TOTALS,
    );
    assert.deepEqual(
      [...(group?.byKind ?? [])],
      [
        ['retransmitting', 2],
        ['close_wait', 2],
        ['zero_window', 1],
      ],
    );
    assert.equal(group?.oldestSinceUs, 100);
    assert.equal(group.sample, oldest);
    assert.equal(group.earliestGiveUpUs, 800);
    assert.equal(group.unackedBytes, 6);
  });

  test('the kernel ends none of them', () => {
    const [group] = groupByProcess(records(2, { giveUp: { never: true } }), NO_PEER_TOTALS);
    assert.equal(group?.earliestGiveUpUs, null);
  });

  test('what came in counts by the port, not by the client; a listener counts for one', () => {
    const inbound = (port: number): Partial<StuckRecord> => ({
      direction: 'inbound',
      local: { address: '10.0.0.1', port: 80 },
      remote: { address: '192.0.2.9', port },
    });
    const [group] = groupByProcess(
      [...records(1, inbound(5001)), ...records(1, inbound(5002)), ...records(1, LISTENER)],
      totals({ ofProcess: () => 40, ofListener: (_, port) => (port === 80 ? 30 : null) }),
    );
    assert.deepEqual(group && destinations(group), ['port 80 3 of 31']);
    assert.equal(group && share(group), '3 of 41');
    assert.deepEqual(groupByPeer(records(1, inbound(5001)), NO_PEER_TOTALS, NOW_US), []);
    assert.deepEqual(groupByPeer(records(1, LISTENER), NO_PEER_TOTALS, NOW_US), []);
  });

  test('orphans belong to who left them while that process lives; sweeps do not count them', () => {
    const all = [...records(1), ...records(2, ORPHAN)];
    const alive = groupByProcess(all, totals({ ofProcess: () => 10, ofDestination: () => 6 }));
    assert.deepEqual(alive.map(share), ['3 of 12']);
    assert.deepEqual(alive.map(destinations), [['10.0.0.2 3 of 8']]);
    const gone = groupByProcess(all, NO_PEER_TOTALS);
    assert.deepEqual(
      gone.map(({ process }) => process?.pid ?? null),
      [null, 12900],
    );
    assert.deepEqual(gone.map(share), ['2 of null', '1 of null']);
  });

  test('what the kernel has closed is not counted by sweeps either', () => {
    const [group] = groupByProcess(records(2, { kind: 'zombie', state: 'CLOSE' }), totals({ ofProcess: () => 10 }));
    assert.equal(group?.totalCount, 12);
  });

  test('a part is never more than its whole, though the whole was counted before', () => {
    const [group] = groupByProcess(records(5), totals({ ofProcess: () => 3, ofDestination: () => 2 }));
    assert.equal(group && share(group), '5 of 5');
    assert.deepEqual(group && destinations(group), ['10.0.0.2 5 of 5']);
  });

  test('a process of many destinations keeps the hundred that most lead to', () => {
    const many = Array.from({ length: 101 }, (_, index) => records(1, { remote: { ...A, port: index + 1 } })).flat();
    const [group] = groupByProcess([...many, ...records(1, { remote: { ...A, port: 101 } })], NO_PEER_TOTALS);
    assert.equal(group?.destinations.length, 100);
    assert.equal(group.destinations[0]?.peer?.port, 101);
  });
});

describe('by peer', () => {
  test('of all processes; a share of a total that knows them all', () => {
    const [group, ...more] = groupByPeer(
      [...records(2), ...records(1, { owner: OTHER }), ...records(1, { owner: null, ownerType: 'orphan' })],
      totals({
        ofPeer: () => 20,
        newConnections: () => ({ succeeded: 1, failed: 0, lastSuccessUs: NOW_US, lastFailureUs: null }),
      }),
      NOW_US,
    );
    assert.deepEqual(more, []);
    assert.deepEqual(group?.peer, { ...A, netns: 0 });
    assert.equal(share(group), '4 of 21');
    assert.equal(group.processCount, 2);
    assert.equal(group.verdict, 'poisoned_pool');
    assert.equal(group.newConnections?.succeeded, 1);
  });

  test('loopback is another peer in each network namespace, and asks for totals of its own', () => {
    const remote = { address: '127.0.0.1', port: 80 };
    const asked: number[] = [];
    const known = totals({ ofPeer: ({ netns }) => asked.push(netns) + 10 });
    const all = [...records(1, { remote, netns: 7 }), ...records(2, { remote, netns: 8 }), ...records(1, { netns: 9 })];
    const groups = groupByPeer(all, known, NOW_US);
    assert.deepEqual(
      groups.map(({ peer, stuckCount }) => `${peer.address} ${peer.netns} ${stuckCount}`),
      ['127.0.0.1 8 2', '10.0.0.2 0 1', '127.0.0.1 7 1'],
    );
    assert.deepEqual(asked, [7, 8, 0]);
  });

  test('two ports of one address are two peers', () => {
    const groups = groupByPeer([...records(1, { remote: { ...A, port: 1 } }), ...records(2)], NO_PEER_TOTALS, NOW_US);
    assert.deepEqual(
      groups.map(({ peer }) => peer.port),
      [8000, 1],
    );
  });

  test('a connection with both ends here counts once, whichever ends are seen as opened here', () => {
    const a = createRecord({ id: 'a', counterpartId: 'b' });
    const b = createRecord({ id: 'b', counterpartId: 'a', local: a.remote, remote: a.local });
    const peersOf = (all: readonly StuckRecord[]): string[] =>
      groupByPeer(all, NO_PEER_TOTALS, NOW_US).map(({ peer, stuckCount }) => `${peer.address} ${stuckCount}`);
    assert.deepEqual(peersOf([a, { ...b, direction: 'inbound' }]), ['10.0.0.2 1']);
    assert.deepEqual(peersOf([a, b]), ['10.0.0.2 1']);
    assert.deepEqual(peersOf([b]), ['10.0.0.1 1'], 'the other end is not among those that are asked for');
  });

  test('what waits for a process here is no verdict about the peer', () => {
    const [group] = groupByPeer(records(3, { kind: 'close_wait' }), totals({ ofPeer: () => 9 }), NOW_US);
    assert.equal(group?.verdict, null);
    assert.match(group.summary, /^3 of 9 connections to it are stuck, but not for want of an answer/);
  });
});
