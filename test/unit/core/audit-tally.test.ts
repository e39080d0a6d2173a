/**
 * Proves that connections which are alike take the room of one in a finding, that the worst of many are its samples, and that it
 * says of thousands what it says of few. What is counted and how it is told is in audit-findings.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditedConnection } from '../../../daemon/core/audit/audited.js';
import type { HeldConnection } from '../../../daemon/core/audit/run.js';
import { SettingsMemo } from '../../../daemon/core/audit/settings-memo.js';
import { clockAt, snapshotAt, TEST_KERNEL, type SnapshotFacts } from '../../support/snapshot-builder.js';
import { findingsOf } from '../../support/tallied.js';

const LIMIT_US = 900_000_000;
const { hz } = TEST_KERNEL;

/** Of one audit, to one peer, by nobody that is known. */
function connectionsOf(facts: readonly SnapshotFacts[]): readonly HeldConnection[] {
  const memo = new SettingsMemo(TEST_KERNEL);
  const context = { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), idleLimits: [], peerLimitUs: () => null };
  return facts.map((one) => ({
    ...auditedConnection(snapshotAt(TEST_KERNEL, 0, one), context, (socket) => memo.settingsOf(socket)),
    ...{ owner: null, holderPids: new Set<number>() },
  }));
}

test('connections that are alike are one sort, and count', () => {
  const sorts = [{}, { keepalive: true }, { userTimeoutMs: 5000 }];
  const [finding] = findingsOf(
    connectionsOf(Array.from({ length: 300 }, (_, index) => sorts[index % 3] ?? {})),
    LIMIT_US,
  );
  assert.deepEqual(
    finding?.alike.map(({ count }) => count),
    [100, 100, 100],
  );
  assert.equal(finding.count, 300);
  assert.deepEqual(finding.exposed.worst, { never: 200, over: 100, bounded: 0 });
});

test('those with other rules are another sort', () => {
  const [finding] = findingsOf(
    connectionsOf([{}, {}, { synRetries: 2 }]).map((one) => ({ ...one })),
    LIMIT_US,
  );
  assert.deepEqual(
    finding?.alike.map(({ count }) => count),
    [2, 1],
  );
  assert.equal(finding.rules.get('default_syn_retries'), 2);
});

test('more sorts than are compared: nothing is lost', () => {
  const facts = Array.from({ length: 200 }, (_, index) => ({
    ...{ keepalive: true, keepaliveTimeJiffies: (1 + (index % 50)) * hz, userTimeoutMs: 1000 * (1 + (index % 50)) },
  }));
  const [finding] = findingsOf(connectionsOf(facts), LIMIT_US);
  assert.equal(
    finding?.alike.reduce((sum, { count }) => sum + count, 0),
    200,
  );
  assert.equal(finding.exposed.worst.bounded, 200);
});

test('samples are the worst, and of those that are as bad the ones without data for longest', () => {
  const bounded = { keepalive: true, keepaliveTimeJiffies: hz, keepaliveIntvlJiffies: hz, userTimeoutMs: 2000 };
  const facts = Array.from({ length: 40 }, (_, index) => ({
    ...(index % 4 === 0 ? {} : bounded),
    ...{ dataAt: -index, sentAt: -index },
  }));
  const [finding] = findingsOf(connectionsOf(facts), LIMIT_US);
  assert.deepEqual(
    finding?.samples.map(({ idleForUs }) => Math.round(idleForUs / 1_000_000)),
    [36, 32, 28, 24, 20],
  );
});
