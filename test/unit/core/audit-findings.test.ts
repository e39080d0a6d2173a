/**
 * Proves: how an audit is put together from the records of its pass (each socket once, with the oldest of its processes, nothing
 * of another pass), how its connections are grouped, sorted and counted, and the sentences that are made of it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditAdvice } from '../../../daemon/core/audit/advice.js';
import { countExposed, findingsOf, namespacesOf } from '../../../daemon/core/audit/findings.js';
import { AuditRun, type AuditResult } from '../../../daemon/core/audit/run.js';
import { findingWords, summaryWords } from '../../../daemon/core/audit/words.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const PASS_ID = 7;
const LIMIT_US = 900_000_000;
const { hz } = TEST_KERNEL;
const BOUNDED: SnapshotFacts = {
  ...{ keepalive: true, keepaliveTimeJiffies: 20 * hz, keepaliveIntvlJiffies: 5 * hz, keepaliveProbes: 3 },
  userTimeoutMs: 40_000,
};
const OVER: SnapshotFacts = { keepalive: true };

const END: PassReport = {
  ...{ edge: 'end', kind: 'audit', passId: PASS_ID, monoUs: 5000, durationUs: 300, sockets: 9, connections: 0 },
  ...{ reported: 0, processes: 0, marked: 0, error: 0 },
};

class Pass {
  readonly run = new AuditRun(
    { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), idleLimits: [], peerLimitUs: () => null },
    { ...END, edge: 'begin' },
  );
  #cookie = 1n;

  /** @returns its cookie. */
  socket(facts: SnapshotFacts = {}, pids: readonly number[] = [100]): bigint {
    const cookie = this.#cookie++;
    const socket = snapshotAt(TEST_KERNEL, 0, { cause: 'audit', passId: PASS_ID, cookie, ...facts });
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
    assert.deepEqual(namespacesOf(pass.result().connections), [
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
      findings.map(({ owner, peer: to, localPort, connections: all, byClass }) => [
        owner?.comm,
        to?.address ?? localPort,
        all.length,
        byClass.never,
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
    assert.equal(mixed?.connections[0].exposure.idleUs, Infinity);
    assert.equal(mixed.idle.longestUs, Infinity);
    assert.ok(mixed.idle.shortestUs < 60_000_000);
  });

  test('a threshold of their own', () => {
    const counts = countExposed(connections, 30_000_000);
    assert.deepEqual(counts, {
      outbound: { never: 3, over: 3, bounded: 0 },
      inbound: { never: 2, over: 0, bounded: 0 },
      local: 1,
    });
  });

  test('in words', () => {
    assert.equal(
      summaryWords(countExposed(connections, LIMIT_US), LIMIT_US),
      '4 of 6 connections of this node would hang for more than 15 min if the peer vanished now; 3 for ever. ' +
        'Of 2 connections from clients, 2 would hold a descriptor for more than 15 min; 2 for ever.',
    );
    assert.match(
      findings.map(findingWords)[0] ?? '',
      /^job\[101\] has 2 connections to 10\.0\.0\.4:5432: if it vanished, a request under way would hang for 15 min \d+ s, and an idle connection would look alive for ever\.$/,
    );
    assert.match(findings.map(findingWords)[1] ?? '', /look alive for \d+ s or for ever/);
    assert.match(
      findings.map(findingWords)[3] ?? '',
      /clients of port 80: one whose client vanished would hold its descriptor/,
    );
    assert.equal(
      summaryWords(countExposed([], LIMIT_US), LIMIT_US),
      'This node has no established connections to peers.',
    );
  });

  test('advice where something hangs, in the namespace of the process, and none where all is well', () => {
    const texts = findings.map((finding) =>
      auditAdvice(finding, [])
        .map(({ text }) => text)
        .join('\n'),
    );
    assert.match(texts[0] ?? '', /nsenter -t 101 -n sysctl -w net\.ipv4\.tcp_retries2=8/);
    assert.match(texts[0] ?? '', /TCP_USER_TIMEOUT/);
    assert.match(texts[3] ?? '', /clients that went silent/);
    assert.equal(texts[4], '');
    for (const finding of findings) {
      const all = auditAdvice(finding, []).map(({ text }) => text);
      assert.equal(new Set(all).size, all.length, 'nothing is said twice');
    }
  });
});
