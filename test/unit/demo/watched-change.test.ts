// Proves that the demo reads changes from the protocol's messages, and that absent fields do no harm.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchedChange } from '../../../daemon/demo/watched-change.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { timestampFromUs } from '../../../daemon/rpc/proto-time.js';

const connection: stuckd.v1.StuckConnection.$Properties = {
  id: 'x1',
  kind: stuckd.v1.StuckKind.STUCK_KIND_CLOSING,
  state: 'FIN_WAIT1',
  remote: { address: 'fd77::2', port: 8080 },
  ownerType: stuckd.v1.OwnerType.OWNER_TYPE_ORPHAN,
  lastOwner: { pid: 42, comm: 'node' },
  since: timestampFromUs(5_000_000),
  retransmits: 4,
  giveUp: { time: timestampFromUs(9_500_000), expectedError: 'ETIMEDOUT' },
};

test('a change is read field by field', () => {
  assert.deepEqual(watchedChange({ time: timestampFromUs(7_000_000), updated: connection }, 1), {
    kind: 'updated',
    timeMs: 7000,
    record: {
      id: 'x1',
      kind: 'closing',
      state: 'FIN_WAIT1',
      ownerPending: false,
      owner: null,
      lastOwner: { pid: 42, comm: 'node' },
      peer: '[fd77::2]:8080',
      sinceMs: 5000,
      retransmits: 4,
      giveUp: { never: false, timeMs: 9500, expectedError: 'ETIMEDOUT' },
      outcome: null,
    },
  });
});

test('snapshot items count as opened, and ended records have an outcome', () => {
  assert.equal(watchedChange({ snapshotItem: connection }, 1)?.kind, 'opened');
  assert.equal(watchedChange({ opened: connection }, 1)?.kind, 'opened');
  const ended = watchedChange({ ended: { ...connection, outcome: stuckd.v1.Outcome.OUTCOME_RECOVERED } }, 1);
  assert.deepEqual([ended?.kind, ended?.record.outcome], ['ended', 'recovered']);
});

test('marks are no changes, and an empty record is readable', () => {
  assert.equal(watchedChange({ snapshotEnd: { count: 3 } }, 1), null);
  assert.equal(watchedChange({}, 1), null);
  const empty = watchedChange({ opened: {} }, 77);
  assert.equal(empty?.timeMs, 77);
  assert.equal(empty.record.ownerPending, true);
  assert.equal(empty.record.giveUp, null);
  assert.deepEqual(watchedChange({ opened: { giveUp: { never: true } } }, 1)?.record.giveUp, { never: true });
});
