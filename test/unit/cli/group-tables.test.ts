// Proves the exact text of `stuckctl processes` and `stuckctl peers`, also at the width of a small terminal, with hostile
// names, and where much is not known.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatPeers, formatProcesses } from '../../../daemon/cli/group-tables.js';
import { displayWidth } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { timestampFromUs } from '../../../daemon/rpc/proto-time.js';
import { EPOCH_REAL_US } from '../rpc/sample-records.js';

const v1 = stuckd.v1;
const Kind = v1.StuckKind;
const NOW_MS = EPOCH_REAL_US / 1000;
const time = (fromNowS: number): ReturnType<typeof timestampFromUs> => timestampFromUs(EPOCH_REAL_US + fromNowS * 1e6);

/** As stuckctl gets them. */
function process(message: stuckd.v1.ProcessSummary.$Properties): stuckd.v1.ProcessSummary {
  return v1.ProcessSummary.decode(v1.ProcessSummary.encode(message).finish());
}
function peer(message: stuckd.v1.PeerSummary.$Properties): stuckd.v1.PeerSummary {
  return v1.PeerSummary.decode(v1.PeerSummary.encode(message).finish());
}

const A = { address: '10.0.0.2', port: 8000 };
const B = { address: '2001:db8::2', port: 443 };

const PROCESSES = [
  process({
    process: { pid: 12900, comm: 'node' },
    stuckCount: 5,
    totalCount: 40,
    byKind: [
      { kind: Kind.STUCK_KIND_RETRANSMITTING, count: 3 },
      { kind: Kind.STUCK_KIND_CLOSE_WAIT, count: 2 },
    ],
    destinations: [
      { peer: A, stuckCount: 3, totalCount: 10 },
      { peer: B, stuckCount: 1, totalCount: 0 },
      { localPort: 80, stuckCount: 1, totalCount: 30 },
    ],
    oldestSince: time(-80),
    earliestGiveUp: time(843),
  }),
  process({
    process: { pid: 7, comm: 'e\x1b[31mvil' },
    stuckCount: 1,
    byKind: [{ kind: Kind.STUCK_KIND_ACCEPT_QUEUE_FULL, count: 1 }],
    destinations: [{ localPort: 80, stuckCount: 1, totalCount: 30 }],
    oldestSince: time(-5),
    earliestGiveUp: time(-1),
  }),
  process({
    stuckCount: 1,
    byKind: [{ kind: Kind.STUCK_KIND_CLOSING, count: 1 }],
    destinations: [{ peer: A, stuckCount: 1 }],
    oldestSince: time(-90_000),
  }),
];

test('processes', () => {
  assert.equal(
    formatProcesses(PROCESSES, NOW_MS, Infinity),
    `PROCESS          STUCK    KIND                            LEADING TO                                              OLDEST  FIRST GIVES UP  UNACKED
node[12900]      5 of 40  retransmitting 3, close_wait 2  10.0.0.2:8000 (3 of 10), [2001:db8::2]:443 (1), 1 more  1m 20s  in 14m 3s           0 B
e\\x1b[31mvil[7]  1        accept_queue_full               clients of port 80 (1 of 30)                            5.0s    now                 0 B
(none)           1        closing                         10.0.0.2:8000 (1)                                       1d 1h   never               0 B
`,
  );
});

describe('where a process runs', () => {
  const table: readonly (readonly [stuckd.v1.Workload.$Properties, string])[] = [
    [{ pod: 'web-1', podNamespace: 'shop', containerId: 'a'.repeat(64) }, 'shop/web-1'],
    [{ unit: 'nginx.service', containerId: 'a'.repeat(64) }, 'nginx.service'],
    [{ containerId: 'a'.repeat(64) }, 'aaaaaaaaaaaa'],
    [{ unit: 'e\x1bvil' }, 'e\\x1bvil'],
  ];
  for (const [workload, shown] of table) {
    test(shown, () => {
      const text = formatProcesses(
        [process({ process: { pid: 1, comm: 'a' }, workload, stuckCount: 1 })],
        NOW_MS,
        Infinity,
      );
      assert.match(text, /^PROCESS +WORKLOAD +STUCK/);
      assert.equal(text.split('\n')[1]?.split(/ {2,}/)[1], shown);
    });
  }
});

const PEERS = [
  peer({
    peer: A,
    stuckCount: 60,
    totalCount: 60,
    processCount: 3,
    byKind: [{ kind: Kind.STUCK_KIND_RETRANSMITTING, count: 60 }],
    newConnections: { failed: v1.NewConnections.fromObject({ failed: 7 }).failed },
    verdict: v1.PeerVerdict.PEER_VERDICT_DEAD,
    summary:
      'All 60 connections to it are stuck, and new ones fail (the last one 3 s ago): the host is dead, or cut off from here.',
    oldestSince: time(-80),
    earliestGiveUp: time(843),
  }),
  peer({
    peer: B,
    stuckCount: 2,
    byKind: [{ kind: Kind.STUCK_KIND_ZERO_WINDOW, count: 2 }],
    summary: 'A sentence.',
    oldestSince: time(-5),
  }),
];

test('peers: a table, and a sentence for each', () => {
  assert.equal(
    formatPeers(PEERS, NOW_MS, Infinity),
    `PEER               VERDICT  STUCK     NEW ONES  PROCESSES  KIND            OLDEST  FIRST GIVES UP  UNACKED
10.0.0.2:8000      dead     60 of 60  7 failed          3  retransmitting  1m 20s  in 14m 3s           0 B
[2001:db8::2]:443  -        2         none              0  zero_window     5.0s    never               0 B

10.0.0.2:8000:
  All 60 connections to it are stuck, and new ones fail (the last one 3 s ago): the host is dead, or
  cut off from here.
[2001:db8::2]:443:
  A sentence.
`,
  );
});

test('a small terminal: everything fits, and what matters most stays', () => {
  for (const text of [formatPeers(PEERS, NOW_MS, 80), formatProcesses(PROCESSES, NOW_MS, 80)]) {
    assert.ok(
      text.split('\n').every((line) => displayWidth(line) <= 80),
      text,
    );
    assert.match(text, /STUCK .*OLDEST/);
  }
  assert.match(formatPeers(PEERS, NOW_MS, 80), /VERDICT/);
});

test('nothing is stuck', () => {
  assert.equal(formatProcesses([], NOW_MS, 80), 'No stuck connections.\n');
  assert.equal(formatPeers([], NOW_MS, 80), 'No stuck connections to any peer.\n');
});
