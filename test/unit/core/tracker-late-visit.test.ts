/** Proves that a visit which arrives behind the end of its socket opens nothing, also if the socket was not known before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { step } from '../../../daemon/core/tracker.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import { createTrackerState } from '../../../daemon/core/tracker-state.js';
import { clockAt, monoUsAt, snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const STUCK = { sndNxt: 1100, writeSeq: 1100, packetsOut: 1, ackedAt: -0.05, retransAt: 0.204, totalRetrans: 4 };
const FOURTH_RTO = { caState: 4, pending: 1, retransmits: 4, backoff: 4, rtoSeconds: 3.264, writeTimerAt: 6.33 };

for (const [what, destroyedAt, opens] of [
  ['before the visit was read: it is another socket of this name', 2, true],
  ['after the visit was read', 4, false],
] as const) {
  test(`a socket ended ${what}`, () => {
    const state = createTrackerState(DEFAULT_TRACKER_CONFIG);
    const at = (seconds: number): number => monoUsAt(TEST_KERNEL, seconds);
    step(state, { type: 'sensor_up', kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0) }, at(0));
    const end = snapshotAt(TEST_KERNEL, destroyedAt, { ...STUCK, cause: 'destroy', state: 7 });
    assert.deepEqual(step(state, { type: 'socket', socket: end }, at(4)), []);
    const visit = snapshotAt(TEST_KERNEL, 3.2, { ...STUCK, ...FOURTH_RTO, cause: 'refresh', passId: 1 });
    const effects = step(state, { type: 'socket', socket: visit }, at(4.1));
    assert.equal(
      effects.some(({ type }) => type === 'opened'),
      opens,
    );
  });
}
