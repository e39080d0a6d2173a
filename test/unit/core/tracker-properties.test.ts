/**
 * Proves what holds for every order of inputs, sensible or not: the tracker never throws, opens and ends each record
 * once, keeps its counts and bounds, and does the same again when it is given the same inputs. It cannot prove that what
 * it says is right; the scenarios do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TCP_STATE, type PassKind, type SnapshotCause, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import type { TrackerEffect, TrackerInput } from '../../../daemon/core/tracker-messages.js';
import { createTrackerState, type TrackerState } from '../../../daemon/core/tracker-state.js';
import { nextDeadlineUs, saveable, step } from '../../../daemon/core/tracker.js';
import {
  clockAt,
  EMPTY_PASS,
  monoUsAt,
  snapshotAt,
  type SnapshotFacts,
  TEST_KERNEL,
} from '../../support/snapshot-builder.js';

const CONFIG = { ...DEFAULT_TRACKER_CONFIG, maxTracked: 4, maxRecentlyEnded: 3, maxForgotten: 3, maxHolders: 2 };
const KERNEL = TEST_KERNEL;

const causes: readonly SnapshotCause[] = [
  'retransmit',
  'keepalive',
  'state',
  'error',
  'reset_received',
  'congestion',
  'destroy',
  'refresh',
  'sweep',
];
const passKinds: readonly PassKind[] = ['refresh', 'refresh_full', 'sweep'];
const states = Object.values(TCP_STATE);
const u32 = fc.oneof(fc.constantFrom(0, 1, 1000, 1100, 2 ** 32 - 1), fc.nat(2 ** 32 - 1));

const facts: fc.Arbitrary<SnapshotFacts> = fc.record(
  {
    state: fc.constantFrom(...states),
    oldState: fc.constantFrom(...states),
    retransmits: fc.constantFrom(0, 1, 3, 8, 255),
    backoff: fc.constantFrom(0, 3, 8),
    probesOut: fc.constantFrom(0, 1, 2, 9),
    packetsOut: fc.nat(1),
    pending: fc.constantFrom(0, 1, 3, 5),
    caState: fc.constantFrom(0, 4),
    sndUna: u32,
    sndNxt: u32,
    writeSeq: u32,
    skErr: fc.constantFrom(0, 32, 71, 101, 103, 104, 110, 111, 113),
    skErrSoft: fc.constantFrom(0, 113),
    keepalive: fc.boolean(),
    dead: fc.boolean(),
    hasSocket: fc.boolean(),
    hasFile: fc.boolean(),
    cleared: fc.boolean(),
    untrusted: fc.boolean(),
    resetReceived: fc.boolean(),
    closerTgid: fc.constantFrom(0, 100),
    closerExiting: fc.boolean(),
    totalRetrans: fc.nat(20),
    dataSegsOut: fc.nat(100),
    srttUs: fc.constantFrom(0, 1000),
    retransAt: fc.constantFrom(null, 0, 1),
    firstRtoAt: fc.constantFrom(null, 0.5),
    ackedAt: fc.constantFrom(-5, 0, 3),
    rtoSeconds: fc.constantFrom(0, 0.2, 120),
    writeTimerAt: fc.constantFrom(null, 2, 200),
    keepaliveTimerAt: fc.constantFrom(null, 2, 20),
    userTimeoutMs: fc.constantFrom(0, 5000),
  },
  { requiredKeys: [] },
);

type Event =
  | { readonly type: 'sensor_up' | 'sensor_down' | 'tick' }
  | { readonly type: 'restart' }
  | { readonly type: 'pass'; readonly edge: 'begin' | 'end'; readonly kind: PassKind; readonly error: number }
  | { readonly type: 'socket'; readonly cookie: number; readonly cause: SnapshotCause; readonly facts: SnapshotFacts }
  | { readonly type: 'holder'; readonly cookie: number; readonly pid: number };

const events: fc.Arbitrary<{ readonly event: Event; readonly wait: number; readonly lag: number }> = fc.record({
  wait: fc.constantFrom(0, 0.01, 1, 20),
  lag: fc.constantFrom(0, 0, 0, 0.5, 30),
  event: fc.oneof(
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('sensor_up' as const, 'sensor_down', 'tick') }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('pass' as const),
        edge: fc.constantFrom('begin' as const, 'end'),
        kind: fc.constantFrom(...passKinds),
        error: fc.constantFrom(0, 0, 4),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant('socket' as const),
        cookie: fc.nat(6),
        cause: fc.constantFrom(...causes),
        facts,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('holder' as const),
        cookie: fc.nat(6),
        pid: fc.integer({ min: 1, max: 3 }),
      }),
    },
  ),
});

/** Gives the events to a tracker and calls `check` after each of them. */
function run(
  list: readonly { readonly event: Event; readonly wait: number; readonly lag: number }[],
  check: (effects: readonly TrackerEffect[], state: TrackerState, nowUs: number) => void,
): void {
  let state = createTrackerState(CONFIG);
  let second = 0;
  let passId = 0;
  const input = (event: Exclude<Event, { type: 'restart' }>, lag: number): TrackerInput => {
    switch (event.type) {
      case 'sensor_up':
        return { type: 'sensor_up', kernel: KERNEL, clock: clockAt(KERNEL, second) };
      case 'sensor_down':
      case 'tick':
        return { type: event.type };
      case 'pass': {
        passId += event.edge === 'begin' ? 1 : 0;
        return { type: 'pass', pass: { ...EMPTY_PASS, ...event, passId, monoUs: monoUsAt(KERNEL, second) } };
      }
      case 'socket': {
        const { cookie, cause } = event;
        const base = { cookie: BigInt(cookie), cause, passId: cause === 'sweep' || cause === 'refresh' ? passId : 0 };
        const socket: SocketSnapshot = snapshotAt(KERNEL, second - lag, { ...event.facts, ...base });
        return { type: 'socket', socket };
      }
      case 'holder': {
        const { cookie, pid } = event;
        const holder = { cookie: BigInt(cookie), netns: 4026531840, pid, startBootUs: pid, fd: 3, passId };
        return { type: 'holder', holder };
      }
    }
  };
  const take = (taken: TrackerInput): void => {
    const nowUs = monoUsAt(KERNEL, second);
    check(step(state, taken, nowUs), state, nowUs);
  };
  take({ type: 'sensor_up', kernel: KERNEL, clock: clockAt(KERNEL, 0) });
  for (const { event, wait, lag } of list) {
    second += wait;
    if (event.type === 'restart') {
      const saved = saveable(state);
      state = createTrackerState(CONFIG);
      if (saved !== null) {
        take({ type: 'restore', saved });
      }
      continue;
    }
    take(input(event, lag));
  }
}

void test('every record opens once and ends at most once, in that order, under one id', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 120, size: 'max' }), (list) => {
      const open = new Map<string, bigint>();
      const ended = new Set<string>();
      run(list, (effects, state) => {
        for (const effect of effects) {
          if (!('record' in effect)) {
            continue;
          }
          const { id, cookie, outcome, endUs, detectedUs, sinceUs } = effect.record;
          assert.ok(!ended.has(id), `${effect.type} after its end`);
          if (effect.type === 'opened') {
            // A record that was restored is announced again.
            assert.ok(!open.has(id) || state.counters.restored > 0);
            open.set(id, cookie);
          }
          assert.equal(open.get(id), cookie);
          assert.ok(sinceUs <= detectedUs);
          assert.equal(outcome !== null, effect.type === 'ended');
          assert.ok(endUs === null || endUs >= detectedUs);
          if (effect.type === 'ended') {
            open.delete(id);
            ended.add(id);
          }
        }
      });
    }),
    { numRuns: 400 },
  );
});

/** What `stuckByKind` must say, counted anew. */
function countOpen({ entries }: TrackerState): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { open } of entries.values()) {
    if (open !== null) {
      counts.set(open.kind, (counts.get(open.kind) ?? 0) + 1);
    }
  }
  return counts;
}

function onlyThoseAbove0(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...counts].filter(([, count]) => count > 0));
}

void test('the counts add up and the bounds hold', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 120, size: 'max' }), (list) => {
      run(list, (_effects, state) => {
        const { counters } = state;
        const stuck = [...state.stuckByKind.values()].reduce((sum, count) => sum + count, 0);
        assert.deepEqual(new Set(onlyThoseAbove0(state.stuckByKind)), new Set(countOpen(state)));
        const ended = [...counters.endedByOutcome.values()].reduce((sum, count) => sum + count, 0);
        assert.equal(counters.opened + counters.restored, ended + stuck);
        assert.equal(state.entries.size, stuck + state.suspects.size);
        assert.ok(state.entries.size <= CONFIG.maxTracked);
        assert.ok(state.forgotten.size <= CONFIG.maxForgotten && state.lastIds.size <= CONFIG.maxRecentlyEnded);
        for (const keys of [state.suspects, state.due, state.missing, state.unheld]) {
          assert.ok([...keys].every((key) => state.entries.has(key)));
        }
      });
    }),
    { numRuns: 400 },
  );
});

void test('a deadline is never left behind: after a step it lies ahead', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60, size: 'max' }), (list) => {
      run(list, (_effects, state, nowUs) => {
        const deadlineUs = nextDeadlineUs(state);
        assert.ok(deadlineUs === null || deadlineUs > nowUs);
      });
    }),
    { numRuns: 200 },
  );
});

void test('the same inputs give the same effects', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60, size: 'max' }), (list) => {
      const record = (): unknown[] => {
        const all: unknown[] = [];
        run(list, (effects) => all.push(structuredClone(effects)));
        return all;
      };
      assert.deepEqual(record(), record());
    }),
    { numRuns: 100 },
  );
});
