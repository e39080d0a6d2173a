/**
 * Proves: what the audit says of one connection is what the timers of its kernel come to, for every combination of keepalive,
 * user timeout and sysctls; that it does not depend on what the connection does at the moment; and which rules it breaks.
 * Does not prove that the kernel keeps to it: test/kernel/audit.test.ts does.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditedConnection } from '../../../daemon/core/audit/audited.js';
import { exposureOf } from '../../../daemon/core/audit/exposure.js';
import { ruleWords, type AuditRule, type PathIdleLimit } from '../../../daemon/core/audit/rules.js';
import { CA_STATE, PENDING, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';

const CLOCK = clockAt(TEST_KERNEL, 0);
const { hz } = TEST_KERNEL;
const NEVER = Infinity;

const LIMITS: readonly PathIdleLimit[] = [
  { name: 'a NAT', limitMs: 350_000 },
  { name: 'a load balancer', limitMs: 900_000 },
];

/** SO_KEEPALIVE with its numbers, in seconds. */
function keepalive(idle: number, interval: number, probes: number): SnapshotFacts {
  return {
    keepalive: true,
    keepaliveTimeJiffies: idle * hz,
    keepaliveIntvlJiffies: interval * hz,
    keepaliveProbes: probes,
  };
}

function withSysctls(changes: Partial<SocketSnapshot['sysctls']>): SnapshotFacts {
  return { sysctls: { ...snapshotAt(TEST_KERNEL, 0, {}).sysctls, ...changes } };
}

interface Row {
  readonly name: string;
  readonly facts: SnapshotFacts;
  /** Seconds, and by how much the timer wheel and the last wait of the backoff may add to them. */
  readonly inFlight: readonly [number, number] | typeof NEVER;
  readonly idle: readonly [number, number] | typeof NEVER;
  readonly rules: readonly AuditRule[];
}

const DEFAULTS: readonly AuditRule[] = ['default_retries2', 'default_syn_retries'];

const ROWS: readonly Row[] = [
  {
    name: 'nothing set: 15 retransmissions, and for ever while idle',
    facts: {},
    inFlight: [924.6, 20],
    idle: NEVER,
    rules: ['no_keepalive_no_user_timeout', ...DEFAULTS],
  },
  {
    name: 'a long round trip makes the backoff of tcp_retries2 longer than the model of the kernel',
    facts: { srttUs: 1_000_000, rttvarUs: 500_000 },
    inFlight: [924.6, 140],
    idle: NEVER,
    rules: ['no_keepalive_no_user_timeout', ...DEFAULTS],
  },
  {
    name: 'keepalive by the sysctls: two hours and eleven minutes',
    facts: { keepalive: true },
    inFlight: [924.6, 20],
    idle: [7200 + 9 * 75, 250],
    rules: ['keepalive_longer_than_idle_limit', ...DEFAULTS],
  },
  {
    name: 'keepalive of its own',
    facts: keepalive(20, 5, 3),
    inFlight: [924.6, 20],
    idle: [35, 3],
    rules: DEFAULTS,
  },
  {
    name: 'keepalive that begins exactly with the idle limit of a NAT comes too late',
    facts: keepalive(350, 5, 3),
    inFlight: [924.6, 20],
    idle: [365, 25],
    rules: ['keepalive_longer_than_idle_limit', ...DEFAULTS],
  },
  {
    name: 'a user timeout alone: data is bounded, an idle connection is not',
    facts: { userTimeoutMs: 30_000 },
    inFlight: [30, 1],
    idle: NEVER,
    rules: [],
  },
  {
    name: 'both, as they should be: the user timeout takes the place of the count of probes',
    facts: { ...keepalive(20, 5, 3), userTimeoutMs: 30_000 },
    inFlight: [30, 1],
    idle: [30, 3],
    rules: [],
  },
  {
    name: 'a user timeout that leaves room for one probe only',
    facts: { ...keepalive(20, 5, 3), userTimeoutMs: 25_000 },
    inFlight: [25, 1],
    idle: [25, 2],
    rules: ['one_lost_probe'],
  },
  {
    name: 'a single probe by its own count is what somebody wanted',
    facts: keepalive(20, 5, 1),
    inFlight: [924.6, 20],
    idle: [25, 2],
    rules: DEFAULTS,
  },
  {
    name: 'smaller sysctls',
    facts: withSysctls({ retries2: 8, synRetries: 3 }),
    inFlight: [104.4, 3],
    idle: NEVER,
    rules: ['no_keepalive_no_user_timeout'],
  },
  {
    name: 'inbound: it makes no connection, so that the retries of SYN are nothing to it',
    facts: { inbound: true },
    inFlight: [924.6, 20],
    idle: NEVER,
    rules: ['no_keepalive_no_user_timeout', 'default_retries2'],
  },
  {
    name: 'without tail loss probes',
    facts: { ...withSysctls({ earlyRetrans: 0, retries2: 3 }), inbound: true },
    inFlight: [6.3, 0.4],
    idle: NEVER,
    rules: ['no_keepalive_no_user_timeout'],
  },
];

function audited(facts: SnapshotFacts, peerLimitUs: number | null = null): ReturnType<typeof auditedConnection> {
  return auditedConnection(snapshotAt(TEST_KERNEL, 0, { cause: 'audit', ...facts }), {
    ...{ kernel: TEST_KERNEL, clock: CLOCK, idleLimits: LIMITS },
    peerLimitUs: () => peerLimitUs,
  });
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
  for (const { name, facts, inFlight, idle, rules } of ROWS) {
    test(name, () => {
      const connection = audited(facts);
      assertWait(connection.exposure.inFlightUs, inFlight, 'in flight');
      assertWait(connection.exposure.idleUs, idle, 'idle');
      assert.deepEqual(connection.rules, rules);
    });
  }

  const busy: readonly (readonly [string, SnapshotFacts])[] = [
    [
      'retransmitting',
      { retransmits: 5, backoff: 5, packetsOut: 3, rtoSeconds: 6.5, retransAt: -6, caState: CA_STATE.LOSS },
    ],
    ['with data in flight', { packetsOut: 1, sndUna: 990, pending: PENDING.RETRANS, writeTimerAt: 0.1 }],
    ['with data that waits to be sent', { writeSeq: 2000, pending: PENDING.PROBE0, sndWnd: 0, probesOut: 2 }],
    ['probing', { probesOut: 2, ackedAt: -40, dataAt: -40, keepaliveTimerAt: 1 }],
    ['unreachable', { skErrSoft: 113 }],
  ];
  for (const [name, facts] of busy) {
    test(`${name}: what it does at the moment does not matter`, () => {
      const options = { ...keepalive(20, 5, 3), userTimeoutMs: 40_000 };
      const quiet = exposureOf(snapshotAt(TEST_KERNEL, 0, options), TEST_KERNEL, CLOCK);
      assert.deepEqual(exposureOf(snapshotAt(TEST_KERNEL, 0, { ...options, ...facts }), TEST_KERNEL, CLOCK), quiet);
    });
  }

  test('idle for longer than its peer keeps connections', () => {
    const facts = { ackedAt: -61, dataAt: -61, sentAt: -61 };
    assert.ok(audited(facts, 60_000_000).rules.includes('pool_longer_than_peer'));
    assert.ok(!audited(facts, 70_000_000).rules.includes('pool_longer_than_peer'));
    assert.ok(!audited(facts, null).rules.includes('pool_longer_than_peer'));
    assert.ok(!audited({ ...facts, inbound: true }, 60_000_000).rules.includes('pool_longer_than_peer'));
    assert.ok(!audited({ ...facts, sentAt: -1 }, 60_000_000).rules.includes('pool_longer_than_peer'));
  });

  test('both ends on this host', () => {
    const here = { address: '10.0.0.1', port: 80 };
    assert.equal(audited({}).isLocal, false);
    assert.equal(audited({ remote: here }).isLocal, true);
    assert.equal(audited({ remote: { address: '127.0.0.2', port: 80 } }).isLocal, true);
    assert.equal(audited({ remote: { address: '::1', port: 80 } }).isLocal, true);
  });

  test('the rule of idle limits names the limits of the configuration', () => {
    assert.match(
      ruleWords('keepalive_longer_than_idle_limit', LIMITS),
      /5 min 50 s \(a NAT\), 15 min \(a load balancer\)/,
    );
  });
});
