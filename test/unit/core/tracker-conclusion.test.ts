/**
 * Proves that the end of a sweep over many connections is told in pieces, that the pieces together say what the end of a
 * sweep has to say, and that nothing gets in between; and that a refresh which shows many rules fulfilled tells so in pieces
 * as well.
 */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { TCP_STATE, type PassReport } from '../../../daemon/core/snapshot.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import type { TrackerEffect, TrackerInput } from '../../../daemon/core/tracker-messages.js';
import { createTrackerState, type TrackerState } from '../../../daemon/core/tracker-state.js';
import { isConcluding, step } from '../../../daemon/core/tracker.js';
import { clockAt, EMPTY_PASS, monoUsAt, snapshotAt, TEST_KERNEL } from '../../support/snapshot-builder.js';

const CONNECTIONS = 1000;
const STUCK = { sndNxt: 1100, writeSeq: 1100, packetsOut: 1, ackedAt: -0.05, retransAt: 0.204, totalRetrans: 3 };
const THIRD_RTO = { caState: 4, retransmits: 3, backoff: 2, rtoSeconds: 0.816 };
const NOW_US = monoUsAt(TEST_KERNEL, 4);

const AT_DEADLINE_US = monoUsAt(TEST_KERNEL, 70);

function pass(edge: PassReport['edge'], passId: number, where: Partial<PassReport> = {}): TrackerInput {
  return { type: 'pass', pass: { edge, kind: 'sweep', passId, monoUs: NOW_US, ...EMPTY_PASS, ...where } };
}

let state: TrackerState;

function put(input: TrackerInput, nowUs = NOW_US): readonly TrackerEffect[] {
  return step(state, input, nowUs);
}

function owned(effects: readonly TrackerEffect[]): number {
  return effects.filter(
    ({ type, ...effect }) => type === 'updated' && 'record' in effect && effect.record.owner !== null,
  ).length;
}

/** All connections are stuck, and a sweep has told who holds them, but for its end. */
beforeEach(() => {
  state = createTrackerState(DEFAULT_TRACKER_CONFIG);
  put({ type: 'sensor_up', kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0) });
  const sockets = Array.from({ length: CONNECTIONS }, (_, index) =>
    snapshotAt(TEST_KERNEL, 1.428, { ...STUCK, ...THIRD_RTO, cause: 'retransmit', cookie: BigInt(index + 1) }),
  );
  for (const socket of sockets) {
    put({ type: 'socket', socket });
  }
  put(pass('begin', 1));
  const holder = { pid: 7, startBootUs: 1, passId: 1 };
  const names = { parentPid: 1, uid: 0, cgroupId: 0n, comm: 'app', executable: '/app' };
  put({ type: 'process', process: { ...holder, ...names } });
  for (const { cookie, netns } of sockets) {
    put({ type: 'holder', holder: { ...holder, cookie, netns, fd: Number(cookie) } });
  }
});

test('each piece is a part of it, and together they are all of it', () => {
  const pieces = [owned(put(pass('end', 1)))];
  while (isConcluding(state)) {
    pieces.push(owned(put({ type: 'go_on' })));
  }
  assert.ok(pieces.length > 2, `${pieces.length} pieces`);
  assert.ok(pieces.every((count) => count < CONNECTIONS / 2));
  assert.equal(
    pieces.reduce((sum, count) => sum + count, 0),
    CONNECTIONS,
  );
});

test('a tick does not do the rest of it, and anything else does that first', () => {
  const first = owned(put(pass('end', 1)));
  assert.equal(owned(put({ type: 'tick' })), 0);
  assert.ok(isConcluding(state));
  const effects = put(pass('begin', 2));
  assert.equal(isConcluding(state), false);
  assert.equal(first + owned(effects), CONNECTIONS);
  assert.equal(state.pass?.passId, 2);
});

test('connections whose rule a refresh shows fulfilled open piece by piece, and a tick opens none', () => {
  state = createTrackerState(DEFAULT_TRACKER_CONFIG);
  put({ type: 'sensor_up', kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0) });
  for (let cookie = 1; cookie <= CONNECTIONS; cookie += 1) {
    const facts = {
      state: TCP_STATE.CLOSE_WAIT,
      cause: 'state',
      dataAt: 1,
      ackedAt: 1,
      cookie: BigInt(cookie),
    } as const;
    put({ type: 'socket', socket: snapshotAt(TEST_KERNEL, 1, facts) });
  }
  const opened = (input: TrackerInput): number =>
    put(input, AT_DEADLINE_US).filter(({ type }) => type === 'opened').length;
  const where = { kind: 'refresh', monoUs: AT_DEADLINE_US } as const;
  assert.equal(opened({ type: 'tick' }), 0);
  opened(pass('begin', 1, where));
  const pieces = [opened(pass('end', 1, where))];
  assert.equal(opened({ type: 'tick' }), 0);
  while (isConcluding(state)) {
    pieces.push(opened({ type: 'go_on' }));
  }
  assert.ok(pieces.length > 2, `${pieces.length} pieces`);
  assert.ok(pieces.every((count) => count < CONNECTIONS / 2));
  assert.equal(
    pieces.reduce((sum, count) => sum + count, 0),
    CONNECTIONS,
  );
  assert.equal(state.due.size, 0);
});
