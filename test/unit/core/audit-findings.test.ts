/**
 * Proves: how an audit is put together from the records of its pass (each socket once, with the oldest of its processes, nothing
 * of another pass), how its connections are grouped, sorted and counted, and the sentences that are made of it. What to do
 * about it is in audit-advice.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenLimits, type PathIdleLimit } from '../../../daemon/core/audit/rules.js';
import { AuditRun, type AuditResult } from '../../../daemon/core/audit/run.js';
import { findingWords, summaryWords } from '../../../daemon/core/audit/words.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { clockAt, EMPTY_PASS, snapshotAt, type SnapshotFacts, TEST_KERNEL } from '../../support/snapshot-builder.js';
import { findingsOf, tallied } from '../../support/tallied.js';

const PASS_ID = 7;
const LIMIT_US = 900_000_000;
const { hz } = TEST_KERNEL;
const BOUNDED: SnapshotFacts = {
  ...{ keepalive: true, keepaliveTimeJiffies: 20 * hz, keepaliveIntvlJiffies: 5 * hz, keepaliveProbes: 3 },
  userTimeoutMs: 40_000,
};
const OVER: SnapshotFacts = { keepalive: true };

const END: PassReport = {
  ...EMPTY_PASS,
  ...{ edge: 'end', kind: 'audit', passId: PASS_ID, monoUs: 5000, durationUs: 300, sockets: 9 },
};

class Pass {
  readonly run: AuditRun;
  #cookie = 1n;

  constructor(idleLimits: readonly PathIdleLimit[] = []) {
    const clock = clockAt(TEST_KERNEL, 0);
    const context = { kernel: TEST_KERNEL, clock, idleLimits, peerLimitUs: () => null };
    this.run = new AuditRun(context, { ...END, edge: 'begin' });
  }

  /** @returns its cookie. */
  socket(facts: SnapshotFacts = {}, pids: readonly number[] = [100]): bigint {
    const cookie = this.#cookie++;
    const socket = snapshotAt(TEST_KERNEL, 0, { cause: 'audit', passId: PASS_ID, cookie, ...facts });
    assert.ok(this.run.take({ type: 'socket', socket }));
    for (const pid of pids) {
      // With each descriptor the socket is told again.
      assert.ok(this.run.take({ type: 'socket', socket }));
      const holder = { cookie, netns: socket.netns, pid, startBootUs: 1000 - pid, fd: 3, passId: PASS_ID };
      assert.ok(this.run.take({ type: 'holder', holder }));
    }
    return cookie;
  }

  process(pid: number, comm: string): void {
    const process = {
      pid,
      startBootUs: 1000 - pid,
      parentPid: 1,
      uid: 0,
      cgroupId: 1n,
      comm,
      executable: `/bin/${comm}`,
    };
    assert.ok(this.run.take({ type: 'process', process: { ...process, passId: PASS_ID } }));
  }

  result(): AuditResult {
    return this.run.result(END);
  }
}

function peer(address: string): SnapshotFacts {
  return { remote: { address, port: 5432 } };
}

describe('the records of a pass', () => {
  test('a socket with many descriptors is one connection, of the oldest process', () => {
    const pass = new Pass();
    pass.process(100, 'young');
    pass.process(200, 'old');
    pass.socket({}, [100, 200, 100]);
    const { connections } = pass.result();
    assert.equal(connections.length, 1);
    assert.equal(connections[0]?.owner?.comm, 'old');
    assert.deepEqual(connections[0].holderPids, new Set([100, 200]));
  });

  test('what belongs to another pass, or is an event, is left for others', () => {
    const { run } = new Pass();
    for (const passId of [0, PASS_ID - 1]) {
      assert.equal(run.take({ type: 'socket', socket: snapshotAt(TEST_KERNEL, 0, { passId }) }), false);
    }
    assert.equal(run.take({ type: 'clock', clock: clockAt(TEST_KERNEL, 0) }), false);
    assert.deepEqual(run.result(END).connections, []);
  });

  test('what the sensor did not report is counted', () => {
    assert.equal(new Pass().run.result({ ...END, connections: 100_003, reported: 100_000 }).unreported, 3);
  });

  test('namespaces with what they say, most connections first, without those that stay on this host', () => {
    const pass = new Pass();
    pass.socket({ netns: 1, remote: { address: '127.0.0.1', port: 1 } });
    pass.socket({ netns: 2 });
    pass.socket({ netns: 3 });
    pass.socket({ netns: 3 });
    assert.deepEqual(tallied(pass.result().connections).namespaces, [
      { netns: 3, retries2: 15, synRetries: 6, connections: 2 },
      { netns: 2, retries2: 15, synRetries: 6, connections: 1 },
    ]);
  });
});

describe('findings', () => {
  const pass = new Pass();
  pass.process(100, 'web');
  pass.process(101, 'job');
  pass.socket({ ...peer('10.0.0.2'), ...BOUNDED });
  pass.socket({ ...peer('10.0.0.3'), ...OVER });
  pass.socket({ ...peer('10.0.0.4'), ...BOUNDED });
  pass.socket(peer('10.0.0.4'));
  pass.socket(peer('10.0.0.4'), [101]);
  pass.socket(peer('10.0.0.4'), [101]);
  pass.socket({ ...peer('10.9.0.1'), inbound: true, local: { address: '10.0.0.1', port: 80 } });
  pass.socket({ ...peer('10.9.0.2'), inbound: true, local: { address: '10.0.0.1', port: 80 } });
  pass.socket(peer('127.0.0.1'));
  const { connections } = pass.result();
  const findings = findingsOf(connections, LIMIT_US);

  test('worst first: requests that hang for ever, that hang long, descriptors, and what is bounded', () => {
    assert.deepEqual(
      findings.map(({ owner, peer: to, localPort, count, exposed }) => [
        owner?.comm,
        to?.address ?? localPort,
        count,
        exposed.worst.never,
      ]),
      [
        ['job', '10.0.0.4', 2, 2],
        ['web', '10.0.0.4', 2, 1],
        ['web', '10.0.0.3', 1, 0],
        ['web', 80, 2, 2],
        ['web', '10.0.0.2', 1, 0],
      ],
    );
  });

  test('the worst connection of a finding stands first, and ranges tell of all', () => {
    const mixed = findings[1];
    assert.equal(mixed?.samples[0]?.exposure.idleUs, Infinity);
    assert.equal(mixed.idle.longestUs, Infinity);
    assert.ok(mixed.idle.shortestUs < 60_000_000);
  });

  const counts = (never: number, over: number, bounded: number): object => ({ never, over, bounded });

  test('by direction, and by each of the two waits', () => {
    assert.deepEqual(tallied(connections, LIMIT_US).exposed, {
      outbound: { inFlight: counts(0, 4, 2), idle: counts(3, 1, 2), worst: counts(3, 1, 2) },
      inbound: { inFlight: counts(0, 2, 0), idle: counts(2, 0, 0), worst: counts(2, 0, 0) },
      local: 1,
    });
    assert.deepEqual(findings[1]?.exposed, {
      inFlight: counts(0, 1, 1),
      idle: counts(1, 0, 1),
      worst: counts(1, 0, 1),
    });
  });

  test('a threshold of their own: only what is longer is too long', () => {
    const [first] = connections;
    assert.ok(first !== undefined);
    const exact = { ...first, exposure: { ...first.exposure, inFlightUs: 30_000_000, idleUs: 30_000_000 } };
    assert.deepEqual(tallied([exact], 30_000_000).exposed.outbound.worst, counts(0, 0, 1));
    assert.deepEqual(tallied([exact], 29_999_999).exposed.outbound.worst, counts(0, 1, 0));
  });

  test('rules, and limits of the path, without connections that stay on this host', () => {
    const limits = [350_000, 900_000, 10_000_000].map((limitMs) => ({ name: 'a NAT', limitMs }));
    const late = new Pass(limits);
    late.socket({ ...peer('10.0.0.2'), ...OVER, keepaliveTimeJiffies: 600 * hz });
    late.socket({ ...peer('10.0.0.2'), ...OVER, keepaliveTimeJiffies: 400 * hz, userTimeoutMs: 500_000 });
    late.socket({ ...peer('127.0.0.1'), ...OVER });
    late.socket({ ...peer('10.0.0.2'), ...BOUNDED });
    const all = late.result().connections;
    assert.deepEqual(
      [...tallied(all).rules],
      [
        ['keepalive_longer_than_idle_limit', 2],
        ['default_retries2', 1],
        ['default_syn_retries', 1],
      ],
    );
    assert.deepEqual(brokenLimits(tallied(all).latestFirstProbeUs, limits), limits.slice(0, 1));
    assert.deepEqual(brokenLimits(tallied(all.slice(3)).latestFirstProbeUs, limits), []);
  });

  test('one address in two network namespaces is two destinations', () => {
    const two = new Pass();
    two.socket({ ...peer('10.0.0.2'), netns: 1 });
    two.socket({ ...peer('10.0.0.2'), netns: 2 });
    two.socket({ ...peer('10.0.0.2'), netns: 2 });
    assert.deepEqual(
      findingsOf(two.result().connections, LIMIT_US).map(({ count }) => count),
      [2, 1],
    );
  });
});

describe('in words', () => {
  const pass = new Pass();
  pass.process(100, 'web');
  pass.socket({ ...peer('10.0.0.2'), ...BOUNDED });
  pass.socket({ ...peer('10.0.0.2'), ...BOUNDED, userTimeoutMs: 60_000 });
  pass.socket({ ...peer('10.0.0.3'), ...BOUNDED });
  pass.socket({ ...peer('10.0.0.3'), ...OVER });
  pass.socket(peer('10.0.0.4'));
  pass.socket({ ...peer('10.0.0.4'), ...BOUNDED });
  pass.socket({ ...peer('10.0.0.4'), ...OVER });
  pass.socket({ ...peer('10.0.0.5'), netns: 1 }, []);
  pass.socket({ ...peer('10.9.0.1'), inbound: true, local: { address: '10.0.0.1', port: 80 } });
  const { connections } = pass.result();
  const sentenceOf = (address: string): string =>
    findingsOf(connections, LIMIT_US)
      .filter(({ samples }) => samples[0]?.remote.address === address)
      .map(findingWords)
      .join('\n');

  const sentences: readonly (readonly [string, string, RegExp])[] = [
    [
      'bounded, and not all alike',
      '10.0.0.2',
      /^web\[100\] has 2 connections to 10\.0\.0\.2:5432: if it vanished, a request under way would hang for 4\d s to 1 min \d s, and an idle connection would look alive for 4\d s to 1 min \d s\.$/,
    ],
    [
      'some for too long',
      '10.0.0.3',
      /hang for 4\d s to 15 min \d+ s \(1 of 2 for more than 15 min\), and .* alive for 4\d s to 2 h 14 min \(1 of 2 for more than 15 min\)\.$/,
    ],
    ['some for ever', '10.0.0.4', /look alive for ever \(1 of 3; the shortest 4\d s\)\.$/],
    [
      'all for ever, of nobody',
      '10.0.0.5',
      /^An unknown process has 1 connection to .* hang for 15 min \d+ s, .* look alive for ever\.$/,
    ],
    [
      'from clients',
      '10.9.0.1',
      /^web\[100\] has 1 connection from clients of port 80: one whose client vanished would hold its descriptor for 15 min \d+ s with data on the way to the client, and for ever if it is idle\.$/,
    ],
  ];
  for (const [name, address, sentence] of sentences) {
    test(name, () => {
      assert.match(sentenceOf(address), sentence);
    });
  }

  const summaryOf = (count: (inbound: boolean) => boolean, isFiltered: boolean, nodes = 1, unreported = 0): string =>
    summaryWords(
      tallied(
        connections.filter(({ isInbound }) => count(isInbound)),
        LIMIT_US,
      ).exposed,
      LIMIT_US,
      { nodes, isFiltered, unreported },
    );
  const [both, made, came, none] = [() => true, (is: boolean) => !is, (is: boolean) => is, () => false];

  test('the sum tells requests that hang from connections that only look alive', () => {
    const clients =
      ' Of 1 connection from clients, 1 would hold a descriptor for more than 15 min with data under way; 1 for ever while idle.';
    const requests =
      'would hang a request for more than 15 min if the peer vanished now; 2 would look alive for ever while idle, and 2 for more than 15 min.';
    assert.equal(summaryOf(both, false), `4 of 8 connections on this node ${requests}${clients}`);
    assert.equal(summaryOf(made, false, 9), `4 of 8 connections on these 9 nodes ${requests}`);
    assert.equal(summaryOf(made, true), `4 of 8 connections that were asked about on this node ${requests}`);
    assert.equal(
      summaryOf(came, true),
      'Of 1 connection from clients on this node, 1 would hold a descriptor for more than 15 min with data under way; 1 for ever while idle.',
    );
    assert.equal(summaryOf(came, false), `There are no established connections to peers on this node.${clients}`);
    assert.equal(summaryOf(none, false, 2), 'There are no established connections to peers on these 2 nodes.');
    assert.equal(summaryOf(none, true), 'There are no established connections on this node that match the filter.');
    assert.equal(
      summaryOf(none, true, 1, 9),
      'There are no established connections on this node that match the filter. This is not all: 9 descriptors were not looked at.',
    );
  });

  test('a request that hangs for ever is told, though hardly any does', () => {
    const counts = { never: 2, over: 1, bounded: 0 };
    const nothing = { never: 0, over: 0, bounded: 0 };
    const outbound = { inFlight: counts, idle: nothing, worst: counts };
    const inbound = { inFlight: nothing, idle: nothing, worst: nothing };
    assert.equal(
      summaryWords({ outbound, inbound }, LIMIT_US, { nodes: 1, isFiltered: false, unreported: 0 }),
      '3 of 3 connections on this node would hang a request for more than 15 min if the peer vanished now, 2 of them for ever; 0 would look alive for ever while idle.',
    );
  });
});
