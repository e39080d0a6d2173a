/**
 * Proves: what the audit says of one connection is what the timers of its kernel come to, for every combination of keepalive,
 * user timeout and sysctls; that no phase of the timer wheel makes it longer by the give-up model; and that it depends neither
 * on what the connection does at the moment nor on when it is asked.
 * Does not prove that the kernel keeps to it: test/kernel/audit.test.ts does. The rules are in audit-rules.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exposureOf, type Exposure } from '../../../daemon/core/audit/exposure.js';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { CA_STATE, PENDING, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import {
  clockAt,
  keepaliveFacts,
  snapshotAt,
  TEST_KERNEL,
  type SnapshotFacts,
} from '../../support/snapshot-builder.js';

const { hz } = TEST_KERNEL;
const NEVER = Infinity;

function withSysctls(changes: Partial<SocketSnapshot['sysctls']>): SnapshotFacts {
  return { sysctls: { ...snapshotAt(TEST_KERNEL, 0, {}).sysctls, ...changes } };
}

interface Row {
  readonly name: string;
  readonly facts: SnapshotFacts;
  /** Seconds, and by how much the timer wheel and the last wait of the backoff may add to them. */
  readonly inFlight: readonly [number, number] | typeof NEVER;
  readonly idle: readonly [number, number] | typeof NEVER;
}

const ROWS: readonly Row[] = [
  {
    name: 'nothing set: 15 retransmissions, and for ever while idle',
    facts: {},
    inFlight: [924.6, 20],
    idle: NEVER,
  },
  {
    name: 'a long round trip makes the backoff of tcp_retries2 longer than the model of the kernel',
    facts: { srttUs: 1_000_000, rttvarUs: 500_000 },
    inFlight: [924.6, 140],
    idle: NEVER,
  },
  {
    name: 'keepalive by the sysctls: two hours and eleven minutes',
    facts: { keepalive: true },
    inFlight: [924.6, 20],
    idle: [7200 + 9 * 75, 250],
  },
  {
    name: 'keepalive of its own',
    facts: keepaliveFacts(20, 5, 3),
    inFlight: [924.6, 20],
    idle: [35, 3],
  },
  {
    name: 'keepalive that begins late',
    facts: keepaliveFacts(350, 5, 3),
    inFlight: [924.6, 20],
    idle: [365, 25],
  },
  {
    name: 'a user timeout alone: data is bounded, an idle connection is not',
    facts: { userTimeoutMs: 30_000 },
    inFlight: [30, 1],
    idle: NEVER,
  },
  {
    name: 'both, as they should be: the user timeout takes the place of the count of probes',
    facts: { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 30_000 },
    inFlight: [30, 1],
    idle: [30, 3],
  },
  {
    name: 'a user timeout that ends with the first interval',
    facts: { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 25_000 },
    inFlight: [25, 1],
    idle: [25, 2.2],
  },
  {
    name: 'a single probe',
    facts: keepaliveFacts(20, 5, 1),
    inFlight: [924.6, 20],
    idle: [25, 2.2],
  },
  {
    name: 'smaller sysctls',
    facts: withSysctls({ retries2: 8, synRetries: 3 }),
    inFlight: [104.4, 4.5],
    idle: NEVER,
  },
  {
    name: 'without tail loss probes',
    facts: withSysctls({ earlyRetrans: 0, retries2: 3 }),
    inFlight: [6.3, 0.4],
    idle: NEVER,
  },
];

/** As what the sensor reports. */
function exposed(facts: SnapshotFacts, second = 0): Exposure {
  return exposureOf(snapshotAt(TEST_KERNEL, second, { cause: 'audit', ...facts }), TEST_KERNEL);
}

function assertWait(us: number, expected: Row['idle'], what: string): void {
  if (expected === NEVER) {
    assert.equal(us, NEVER, what);
    return;
  }
  const [seconds, more] = expected as readonly [number, number];
  assert.ok(us / 1e6 >= seconds && us / 1e6 <= seconds + more, `${what}: ${us / 1e6} s`);
}

describe('one connection', () => {
  for (const { name, facts, inFlight, idle } of ROWS) {
    test(name, () => {
      const { inFlightUs, idleUs } = exposed(facts);
      assertWait(inFlightUs, inFlight, 'in flight');
      assertWait(idleUs, idle, 'idle');
    });
  }

  const probes: readonly (readonly [string, SnapshotFacts, number, number])[] = [
    // 20 s are 5000 jiffies, of which a bucket has 512; 5 s are 1250 with buckets of 64.
    ['of its own', keepaliveFacts(20, 5, 3), 5000 + 512, 6250 + 512 + 64],
    ['by the sysctls', { keepalive: true }, 7200 * hz + 32_768, 7275 * hz + 32_768 + 512],
    ['none', {}, NEVER, NEVER],
  ];
  for (const [name, facts, first, second] of probes) {
    test(`when the first probes run at the latest: ${name}`, () => {
      const { firstProbeUs, secondProbeUs } = exposed(facts);
      const jiffies = (us: number): number => (us * hz) / 1e6;
      assert.deepEqual([jiffies(firstProbeUs), jiffies(secondProbeUs)], [first, second]);
    });
  }

  test('the first loss probe waits for two round trips and the least RTO, or for a second where none was measured', () => {
    const facts = withSysctls({ retries2: 3 });
    const without = { ...facts, ...withSysctls({ retries2: 3, earlyRetrans: 0 }) };
    const probeSeconds = (more: SnapshotFacts): number =>
      (exposed({ ...facts, ...more }).inFlightUs - exposed({ ...without, ...more }).inFlightUs) / 1e6;
    // A timer is late by a bucket, and never early.
    const near = (actual: number, seconds: number): void => {
      assert.ok(actual >= seconds && actual <= seconds * 1.08, `${actual} s, not ${seconds} s`);
    };
    near(probeSeconds({ srttUs: 1_000_000, rttvarUs: 4_000_000 }), 2.2);
    near(probeSeconds({ srttUs: 0, rtoJiffies: 5 * hz, rtoSeconds: 5 }), 1);
  });
});

describe('what the connection does at the moment does not matter', () => {
  const busy: readonly (readonly [string, SnapshotFacts])[] = [
    [
      'retransmitting',
      { retransmits: 5, backoff: 5, packetsOut: 3, rtoSeconds: 6.5, retransAt: -6, caState: CA_STATE.LOSS },
    ],
    ['with data in flight', { packetsOut: 1, sndUna: 990, pending: PENDING.RETRANS, writeTimerAt: 0.1 }],
    ['with data that waits to be sent', { writeSeq: 2000, pending: PENDING.PROBE0, sndWnd: 0, probesOut: 2 }],
    ['probing', { probesOut: 2, ackedAt: -40, dataAt: -40, keepaliveTimerAt: 1 }],
    ['unreachable', { skErrSoft: 113, retransmits: 3, retransAt: -3 }],
    ['heard of by data alone', { ackedAt: -40, dataAt: -1 }],
    // Jiffies wrap, and a wait is played from a jiffy of its own.
    ['with an old stamp of data from anywhere', { lrcvtimeJiffies32: 8 ** 10 + 1000 }],
    ['with an old stamp of an ACK from anywhere', { rcvTstampJiffies32: 8 ** 10 + 1000 }],
  ];
  const settings: readonly (readonly [string, SnapshotFacts])[] = [
    ['keepalive', keepaliveFacts(20, 5, 3)],
    ['keepalive and a user timeout', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 40_000 }],
  ];
  for (const [setting, options] of settings) {
    for (const [name, facts] of busy) {
      test(`${name}, ${setting}`, () => {
        assert.deepEqual(exposed({ ...options, ...facts }), exposed(options));
      });
    }
  }

  test('nor when it is asked', () => {
    for (const [, options] of settings) {
      assert.deepEqual(exposed(options, 12.34), exposed(options));
    }
  });
});

/** What the model says of a connection that is really in that situation, at many phases of the timer wheel. */
function played(
  facts: SnapshotFacts,
  situation: (socket: SocketSnapshot) => SocketSnapshot,
): readonly [number, number] {
  let [shortestUs, longestUs] = [Infinity, 0];
  for (let phase = 0; phase < 300; phase++) {
    // No multiple of any bucket, so that all phases come up.
    const second = phase * 1.372;
    const socket = situation(snapshotAt(TEST_KERNEL, second, { ackedAt: second, dataAt: second, ...facts }));
    const giveUp = forecastGiveUp(socket, TEST_KERNEL, clockAt(TEST_KERNEL, second));
    assert.ok(giveUp?.never === false);
    const waitUs = (giveUp.latestTimeUs ?? giveUp.timeUs) - socket.monoUs;
    [shortestUs, longestUs] = [Math.min(shortestUs, waitUs), Math.max(longestUs, waitUs)];
  }
  return [shortestUs, longestUs];
}

/** `mod_timer()`, with the level of the wheel that the delay has. */
function timer(jiffies: number, delay: number): SocketSnapshot['keepaliveTimer'] {
  const level = Math.max(0, Math.ceil(Math.log(delay / 63) / Math.log(8)));
  return { pending: true, expiresJiffies32: (jiffies + delay) >>> 0, flags: (level * 64) << 22 };
}

describe('no phase of the timer wheel makes it longer', () => {
  const idleRows: readonly (readonly [string, SnapshotFacts, number])[] = [
    ['2 h, 75 s, 9', keepaliveFacts(7200, 75, 9), 1],
    ['340 s, 5 s, 3', keepaliveFacts(340, 5, 3), 0.1],
    ['1 s, 75 s, 9: the buckets of the interval are the larger ones', keepaliveFacts(1, 75, 9), 2.1],
    ['user timeout far behind the first probe', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 40_000 }, 3],
    ['user timeout just behind the second', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 26_000 }, 0.3],
    ['user timeout below the idle time', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 3000 }, 0.1],
  ];
  for (const [name, facts, slackSeconds] of idleRows) {
    test(`idle: ${name}`, () => {
      const saidUs = exposed(facts).idleUs;
      const [, longestUs] = played(facts, (socket) => {
        const idle = socket.keepaliveTimeJiffies;
        return { ...socket, keepaliveTimer: timer(socket.jiffies, idle) };
      });
      assert.ok(saidUs >= longestUs, `${saidUs} < ${longestUs}`);
      assert.ok(saidUs <= longestUs + slackSeconds * 1e6, `${saidUs} > ${longestUs}`);
    });
  }

  const sending: readonly (readonly [string, SnapshotFacts])[] = [
    ['tcp_retries2 15', {}],
    ['a round trip of a second', { srttUs: 1_000_000, rttvarUs: 500_000 }],
    ['an RTO that is no power of two', { srttUs: 1000, rttvarUs: 299_000 }],
    ['user timeout', { userTimeoutMs: 30_000 }],
    ['RTO of a second at most', { rtoMaxJiffies: hz }],
  ];
  for (const [name, facts] of sending) {
    test(`in flight: ${name}`, () => {
      const saidUs = exposed({ ...facts, ...withSysctls({ earlyRetrans: 0 }) }).inFlightUs;
      const [shortestUs, longestUs] = played(facts, (socket) => {
        const rtoJiffies = Math.max(socket.rtoMinJiffies, Math.ceil(((socket.srttUs + socket.rttvarUs) * hz) / 1e6));
        const sent = { packetsOut: 1, sndNxt: socket.sndNxt + 1, writeSeq: socket.writeSeq + 1, rtoJiffies };
        return { ...socket, ...sent, pending: PENDING.RETRANS, writeTimer: timer(socket.jiffies, rtoJiffies) };
      });
      assert.ok(saidUs >= longestUs, `${saidUs} < ${longestUs}`);
      // A bucket for the phase, and one for the longest wait.
      assert.ok(saidUs <= shortestUs + 2 * 2.05e6, `${saidUs} > ${shortestUs}`);
    });
  }
});
