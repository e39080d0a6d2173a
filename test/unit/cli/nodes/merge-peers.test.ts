// Proves how the peers of several nodes become one: what is merged and what never is, the sums, and what is said of a peer
// that is dead from everywhere, from some nodes, or from some while it answers others.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Long from 'long';
import { type MergedPeer, mergePeers } from '../../../../daemon/cli/nodes/merge-peers.js';
import type { PeerOfNode } from '../../../../daemon/cli/nodes/merged-verdict.js';
import { stuckd } from '../../../../daemon/rpc/gen/stuckd.js';
import { toProtoJson } from '../../../../daemon/rpc/proto-json.js';
import { timestampFromUs } from '../../../../daemon/rpc/proto-time.js';

const { PeerVerdict: Verdict, StuckKind: Kind, PeerSummary } = stuckd.v1;
const PEER = { address: '10.0.0.2', port: 80 };

function says(node: string, changes: stuckd.v1.PeerSummary.$Properties = {}): PeerOfNode {
  const message = { peer: PEER, stuckCount: 1, totalCount: 1, summary: `As ${node} sees it.`, ...changes };
  return { node, peer: PeerSummary.decode(PeerSummary.encode(message).finish()) };
}

/** One node each, called a, b, c, ... */
function nodes(...verdicts: readonly stuckd.v1.PeerVerdict[]): PeerOfNode[] {
  return verdicts.map((verdict, index) => says(String.fromCharCode('a'.charCodeAt(0) + index), { verdict }));
}

/** @param silent how many did not answer. */
function merge(all: readonly PeerOfNode[], answered: number, silent = 0): MergedPeer[] {
  return mergePeers(all, { asked: answered + silent, answered });
}

const { PEER_VERDICT_DEAD: DEAD, PEER_VERDICT_POISONED_POOL: POISONED } = Verdict;
const { PEER_VERDICT_PARTIAL: PARTIAL, PEER_VERDICT_NOT_TRIED: NOT_TRIED } = Verdict;
const { PEER_VERDICT_UNSPECIFIED: UNKNOWN } = Verdict;

describe('what a peer looks like from several nodes', () => {
  const table: readonly (readonly [string, readonly stuckd.v1.PeerVerdict[], number, string | null, RegExp])[] = [
    [
      'everywhere',
      [DEAD, DEAD, DEAD],
      3,
      'dead',
      /^Black-holed from all 3 nodes, and new connections fail there: the host/,
    ],
    [
      'from some',
      [DEAD, DEAD, DEAD, DEAD, DEAD, DEAD, NOT_TRIED],
      9,
      'dead_from_some',
      /^Black-holed from 7 of 9 nodes \(a, b, c, d, e and 2 more\), and new connections fail from 6 of them, .*; the other 2 have nothing/,
    ],
    ['all but one', [DEAD, DEAD], 3, 'dead_from_some', /; the other one has nothing stuck to it/],
    [
      'a partition',
      [DEAD, NOT_TRIED, POISONED],
      9,
      'partition',
      /^Black-holed from 2 of 9 nodes \(a, b\), but new connections from c work: the peer lives/,
    ],
    ['poisoned pools', [POISONED, POISONED], 2, 'poisoned_pool', /^Stuck from all 2 nodes, but new connections work/],
    ['not tried', [NOT_TRIED, NOT_TRIED], 5, 'not_tried', /^Black-holed from 2 of 5 nodes, and no new connection/],
    ['some backends', [DEAD, PARTIAL], 2, 'partial', /silent towards 1, partly answering 1, taking new .* from 0\./],
    ['silent here, well there', [NOT_TRIED, POISONED], 2, 'partial', /taking new connections from 1\./],
    ['no fault of the peer', [UNKNOWN, UNKNOWN], 2, null, /^Stuck from all 2 nodes; see each node/],
    ['one of one', [DEAD], 1, 'dead', /^As a sees it\.$/],
    ['one of several', [DEAD], 4, 'dead_from_some', /^Only from a, 1 of 4 nodes\. As a sees it\.$/],
    ['one of several, not tried', [NOT_TRIED], 4, 'not_tried', /^Only from a/],
    ['one of several, partial', [PARTIAL], 4, 'partial', /^Only from a/],
    ['one of several, poisoned', [POISONED], 4, 'poisoned_pool', /^Only from a/],
    ['one of several, unknown', [UNKNOWN], 4, null, /^Only from a/],
  ];
  for (const [name, verdicts, answered, verdict, summary] of table) {
    test(name, () => {
      const [merged, ...more] = merge(nodes(...verdicts), answered);
      assert.deepEqual(more, []);
      assert.equal(merged?.verdict, verdict);
      assert.match(merged.peer.summary, summary);
    });
  }
});

describe('while some nodes do not answer', () => {
  const table: readonly (readonly [string, readonly stuckd.v1.PeerVerdict[], number, string | null, RegExp])[] = [
    [
      'dead from all that answered is not dead from all',
      [DEAD, DEAD],
      2,
      'dead_from_some',
      /^Black-holed from all 2 nodes that answered, .*cut off from these, the others would show\. 1 node did not answer\.$/,
    ],
    [
      'nor is it from the only one',
      [DEAD],
      1,
      'dead_from_some',
      /^Only from a, the only one that answered\. As a sees it\./,
    ],
    [
      'from some',
      [DEAD, DEAD],
      3,
      'dead_from_some',
      /^Black-holed from 2 of 3 nodes that answered \(a, b\), .*; the other one/,
    ],
    [
      'from one of two',
      [DEAD],
      2,
      'dead_from_some',
      /^Only from a, 1 of 2 nodes that answered\. .*1 node did not answer\.$/,
    ],
    [
      'a partition is one all the same',
      [DEAD, POISONED],
      2,
      'partition',
      /^Black-holed from 1 of 2 nodes that answered \(a\)/,
    ],
    ['poisoned pools', [POISONED, POISONED], 2, 'poisoned_pool', /^Stuck from all 2 nodes that answered, /],
    ['not tried', [NOT_TRIED], 1, 'not_tried', /^Only from a, the only one that answered\./],
  ];
  for (const [name, verdicts, answered, verdict, summary] of table) {
    test(name, () => {
      const [merged] = merge(nodes(...verdicts), answered, 1);
      assert.equal(merged?.verdict, verdict);
      assert.match(merged.peer.summary, summary);
      assert.match(merged.peer.summary, / 1 node did not answer\.$/);
    });
  }
});

describe('what is merged', () => {
  const identities = (...peers: readonly stuckd.v1.PeerSummary.$Properties[]): number =>
    merge(
      peers.map((peer, index) => says(`n${index}`, peer)),
      peers.length,
    ).length;
  const table: readonly (readonly [string, number, readonly stuckd.v1.PeerSummary.$Properties[]])[] = [
    ['the same address and port', 1, [{ peer: PEER }, { peer: PEER }]],
    ['another port', 2, [{ peer: PEER }, { peer: { ...PEER, port: 81 } }]],
    ['IPv6', 1, [{ peer: { address: '2001:db8::2', port: 1 } }, { peer: { address: '2001:db8::2', port: 1 } }]],
    ['never in a namespace', 2, [{ netns: 5 }, { netns: 5 }]],
    ['never loopback', 2, [{ peer: { address: '127.0.0.1', port: 1 } }, { peer: { address: '127.0.0.1', port: 1 } }]],
    ['never ::1', 2, [{ peer: { address: '::1', port: 1 } }, { peer: { address: '::1', port: 1 } }]],
    ['never of a link', 2, [{ peer: { address: 'fe80::1', port: 1 } }, { peer: { address: 'fe80::1', port: 1 } }]],
    [
      'never of a link, to its end',
      2,
      [{ peer: { address: 'febf::1', port: 1 } }, { peer: { address: 'febf::1', port: 1 } }],
    ],
    [
      'what only begins alike',
      1,
      [{ peer: { address: 'fec0::1', port: 1 } }, { peer: { address: 'fec0::1', port: 1 } }],
    ],
    [
      'never of a link, IPv4',
      2,
      [{ peer: { address: '169.254.20.10', port: 53 } }, { peer: { address: '169.254.20.10', port: 53 } }],
    ],
  ];
  for (const [name, expected, peers] of table) {
    test(name, () => {
      assert.equal(identities(...peers), expected);
    });
  }
});

test('sums, and the first and last of times', () => {
  const time = timestampFromUs;
  const [merged] = merge(
    [
      says('a', {
        stuckCount: 2,
        totalCount: 3,
        processCount: 1,
        byKind: [{ kind: Kind.STUCK_KIND_CLOSING, count: 2 }],
        oldestSince: time(5e6),
        earliestGiveUp: time(90e6),
        unackedBytes: Long.fromNumber(10, true),
        newConnections: { failed: Long.fromNumber(4, true), lastFailure: time(7e6) },
      }),
      says('b', {
        stuckCount: 5,
        totalCount: 5,
        processCount: 2,
        byKind: [
          { kind: Kind.STUCK_KIND_RETRANSMITTING, count: 3 },
          { kind: Kind.STUCK_KIND_CLOSING, count: 2 },
        ],
        oldestSince: time(4e6),
        unackedBytes: Long.fromNumber(7, true),
        newConnections: {
          failed: Long.fromNumber(1, true),
          succeeded: Long.fromNumber(2, true),
          lastFailure: time(9e6),
          lastSuccess: time(3e6),
        },
      }),
    ],
    2,
  );
  assert.deepEqual(
    merged?.nodes.map(({ node }) => node),
    ['b', 'a'],
  );
  const { summary, ...sums } = toProtoJson(merged.peer) as Readonly<Record<string, unknown>>;
  assert.ok(summary);
  assert.deepEqual(sums, {
    peer: PEER,
    stuckCount: 7,
    totalCount: 8,
    processCount: 3,
    byKind: [
      { kind: 'STUCK_KIND_CLOSING', count: 4 },
      { kind: 'STUCK_KIND_RETRANSMITTING', count: 3 },
    ],
    newConnections: {
      succeeded: '2',
      failed: '5',
      lastSuccess: '1970-01-01T00:00:03Z',
      lastFailure: '1970-01-01T00:00:09Z',
    },
    oldestSince: '1970-01-01T00:00:04Z',
    earliestGiveUp: '1970-01-01T00:01:30Z',
    unackedBytes: '17',
  });
});

test('a total of which a part is not known is not known', () => {
  const [merged] = merge([says('a', { totalCount: 3 }), says('b', { totalCount: 0 })], 2);
  assert.equal(merged?.peer.totalCount, 0);
});

test('of peers that as many nodes are stuck to, the one with most connections stands first', () => {
  const all = [1, 3, 2].map((stuckCount) => says('a', { peer: { ...PEER, port: stuckCount }, stuckCount }));
  assert.deepEqual(
    merge(all, 1).map(({ peer }) => peer.stuckCount),
    [3, 2, 1],
  );
});

test('the peer that most nodes are stuck to stands first', () => {
  const other = { peer: { ...PEER, port: 81 }, stuckCount: 100 };
  const ports = merge([says('a', other), says('a'), says('b')], 2).map(({ peer }) => peer.peer?.port);
  assert.deepEqual(ports, [80, 81]);
});
