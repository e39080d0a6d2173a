/**
 * Proves that a visit counts as unchanged only if no field differs that a record, a forecast or an owner could depend
 * on; a field that is added to the snapshot is covered without a change here.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { isUnchanged } from '../../../daemon/core/unchanged-socket.js';
import { snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const BEFORE = snapshotAt(TEST_KERNEL, 1, { cause: 'sweep', passId: 3, writeTimerAt: 2, keepaliveTimerAt: 9 });
const VOLATILE = ['cause', 'monoUs', 'jiffies', 'passId', 'segsOut', 'local', 'remote'];

function changed(value: unknown): unknown {
  if (typeof value === 'number') {
    return value + 1;
  }
  return typeof value === 'bigint' ? value + 1n : !value;
}

void test('the same socket at another time, by another pass', () => {
  const now: SocketSnapshot = { ...BEFORE, cause: 'refresh', monoUs: 5, jiffies: 6, passId: 7, segsOut: 99 };
  assert.equal(isUnchanged(BEFORE, structuredClone(now)), true);
});

void test('any other field makes a difference', () => {
  for (const [key, value] of Object.entries(BEFORE)) {
    if (!VOLATILE.includes(key) && typeof value !== 'object') {
      assert.equal(isUnchanged(BEFORE, { ...BEFORE, [key]: changed(value) }), false, key);
    }
  }
  for (const group of ['writeTimer', 'keepaliveTimer', 'sysctls'] as const) {
    for (const [key, value] of Object.entries(BEFORE[group])) {
      const now = { ...BEFORE, [group]: { ...BEFORE[group], [key]: changed(value) } };
      assert.equal(isUnchanged(BEFORE, now), false, `${group}.${key}`);
    }
  }
});

void test('an event is news in itself', () => {
  assert.equal(isUnchanged(BEFORE, { ...BEFORE, cause: 'error' }), false);
  assert.equal(isUnchanged({ ...BEFORE, cause: 'retransmit' }, BEFORE), false);
});
