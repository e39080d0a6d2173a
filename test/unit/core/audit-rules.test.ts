/**
 * Proves: which rules of the audit a connection breaks, at the very limits of each; that a connection is as idle as its data
 * says, whatever keepalive hears; which connections stay on this host; and the sentences of the rules.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditedConnection } from '../../../daemon/core/audit/audited.js';
import {
  AUDIT_RULES,
  brokenLimits,
  ruleWords,
  type AuditRule,
  type PathIdleLimit,
} from '../../../daemon/core/audit/rules.js';
import {
  clockAt,
  keepaliveFacts,
  snapshotAt,
  TEST_KERNEL,
  type SnapshotFacts,
} from '../../support/snapshot-builder.js';

const { hz } = TEST_KERNEL;
const NAT = { name: 'a NAT', limitMs: 350_000 };
const BALANCER = { name: 'a load balancer', limitMs: 900_000 };
const LIMITS: readonly PathIdleLimit[] = [NAT, BALANCER];

function withSysctls(retries2: number, synRetries: number): SnapshotFacts {
  return { sysctls: { ...snapshotAt(TEST_KERNEL, 0, {}).sysctls, retries2, synRetries } };
}

function audited(
  facts: SnapshotFacts,
  peerLimitUs: number | null = null,
  second = 0,
): ReturnType<typeof auditedConnection> {
  return auditedConnection(snapshotAt(TEST_KERNEL, second, { cause: 'audit', ...facts }), {
    ...{ kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, second), idleLimits: LIMITS },
    peerLimitUs: () => peerLimitUs,
  });
}

const DEFAULTS: readonly AuditRule[] = ['default_retries2', 'default_syn_retries'];
const NOTHING: readonly AuditRule[] = ['no_keepalive_no_user_timeout', ...DEFAULTS];
const LATE: readonly AuditRule[] = ['keepalive_longer_than_idle_limit', ...DEFAULTS];

const ROWS: readonly (readonly [string, SnapshotFacts, readonly AuditRule[]])[] = [
  ['nothing set', {}, NOTHING],
  ['keepalive by the sysctls', { keepalive: true }, LATE],
  ['keepalive of its own', keepaliveFacts(20, 5, 3), DEFAULTS],
  ['keepalive that begins with the limit of a NAT', keepaliveFacts(350, 5, 3), LATE],
  // 340 s are 85,000 jiffies, of which a bucket has 4096.
  ['keepalive that the timer wheel may make begin after it', keepaliveFacts(340, 5, 3), LATE],
  ['keepalive that begins before it for sure', keepaliveFacts(333, 5, 3), DEFAULTS],
  ['a single probe by its own count is what somebody wanted', keepaliveFacts(20, 5, 1), DEFAULTS],
  ['a user timeout alone', { userTimeoutMs: 30_000 }, []],
  ['both, as they should be', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 30_000 }, []],
  ['a user timeout below the idle time', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 3000 }, ['one_lost_probe']],
  ['a user timeout of one interval', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 25_000 }, ['one_lost_probe']],
  // The second probe runs 27.304 s after the last sign of life at the latest.
  [
    'a user timeout that a late second probe meets',
    { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 27_304 },
    ['one_lost_probe'],
  ],
  ['a user timeout that none meets', { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 27_305 }, []],
  ['smaller sysctls', withSysctls(8, 3), ['no_keepalive_no_user_timeout']],
  ['larger sysctls are no defaults either', withSysctls(16, 7), ['no_keepalive_no_user_timeout']],
  ['a shorter RTO makes 15 retries a matter of seconds', { rtoMaxJiffies: hz }, ['no_keepalive_no_user_timeout']],
  ['the limit of the RTO as it is by default', { rtoMaxJiffies: 120 * hz }, NOTHING],
  ['TCP_SYNCNT', { synRetries: 2 }, ['no_keepalive_no_user_timeout', 'default_retries2']],
  ['inbound: it makes no connection', { inbound: true }, ['no_keepalive_no_user_timeout', 'default_retries2']],
];

describe('rules', () => {
  for (const [name, facts, rules] of ROWS) {
    test(name, () => {
      assert.deepEqual(audited(facts).rules, rules);
    });
  }

  test('a pooled connection without data for longer than its peer keeps one', () => {
    const facts = { ackedAt: -61, dataAt: -61, sentAt: -61 };
    const isBroken = (more: SnapshotFacts, limitUs: number | null): boolean =>
      audited({ ...facts, ...more }, limitUs).rules.includes('pool_longer_than_peer');
    assert.ok(isBroken({}, 60_000_000));
    assert.ok(isBroken({ ackedAt: -0.4 }, 60_000_000), 'an answered probe is no data');
    assert.ok(!isBroken({}, 61_000_000), 'the peer closes no sooner than at its limit');
    assert.ok(!isBroken({}, 70_000_000));
    assert.ok(!isBroken({}, null));
    assert.ok(!isBroken({ inbound: true }, 60_000_000));
    assert.ok(!isBroken({ sentAt: -1 }, 60_000_000));
    assert.ok(!isBroken({ dataAt: -1 }, 60_000_000));
  });

  test('audits of the same connection agree, whenever they are made', () => {
    const facts = { ...keepaliveFacts(20, 5, 3), userTimeoutMs: 26_000 };
    for (let audit = 0; audit < 20; audit++) {
      assert.ok(audited(facts, null, audit * 1.1).rules.includes('one_lost_probe'));
    }
  });
});

test('idle for as long as no data has come or gone', () => {
  assert.equal(audited({ ackedAt: -0.4, dataAt: -61, sentAt: -50 }).idleForUs, 50_000_000);
  assert.equal(audited({ ackedAt: -0.4, dataAt: -40, sentAt: -50 }).idleForUs, 40_000_000);
});

test('both ends on this host', () => {
  const here = { address: '10.0.0.1', port: 80 };
  assert.equal(audited({}).isLocal, false);
  assert.equal(audited({ remote: here }).isLocal, true);
  assert.equal(audited({ remote: { address: '127.0.0.2', port: 80 } }).isLocal, true);
  assert.equal(audited({ remote: { address: '::1', port: 80 } }).isLocal, true);
});

describe('in words', () => {
  test('limits of the path that are broken', () => {
    assert.deepEqual(brokenLimits(349_999_999, LIMITS), []);
    assert.deepEqual(brokenLimits(350_000_000, LIMITS), [NAT]);
    assert.deepEqual(brokenLimits(Infinity, LIMITS), LIMITS);
    const both = /5 min 50 s \(a NAT\), 15 min \(a load balancer\)\.$/;
    assert.match(ruleWords('keepalive_longer_than_idle_limit', LIMITS), both);
  });

  test('each rule is a sentence of its own', () => {
    const sentences = AUDIT_RULES.map((rule) => ruleWords(rule, LIMITS));
    assert.equal(new Set(sentences).size, AUDIT_RULES.length);
    for (const sentence of sentences) {
      assert.match(sentence, /^\S.*\.$/);
    }
  });
});
