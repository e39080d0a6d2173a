// Proves which problems the status tells, each with what follows from it. That the facts behind them are right is shown by
// the acceptance and kernel tests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CountersReport, NO_COUNTS } from '../../../daemon/core/sensor-records.js';
import type { PassReport } from '../../../daemon/core/snapshot.js';
import { createTrackerState, type TrackerState } from '../../../daemon/core/tracker-state.js';
import { DEFAULT_TRACKER_CONFIG } from '../../../daemon/core/tracker-config.js';
import type { SensorIntroduction } from '../../../daemon/sensor/sensor-session.js';
import { buildStatus, type StatusParts } from '../../../daemon/status-report.js';
import { createStatus, EPOCH_MONO_US, EPOCH_REAL_US } from '../rpc/sample-records.js';

const INTRODUCTION: SensorIntroduction = {
  hello: {
    magic: 0n,
    layoutHash: 0n,
    hz: 250,
    pid: 4712,
    capabilities: 1n << 39n,
    version: '0.1.0',
    kernelRelease: '6.18.0',
    machine: 'x86_64',
    bootId: '',
  },
  mode: { mode: 'ebpf', code: null, reason: '' },
  clock: { monoUs: 0, realUs: 0, bootUs: 0, jiffies: 0, jiffyEdgeUs: 0 },
  programs: [{ name: 'tcp_retransmit_skb', attached: true, required: true, error: 0, how: 'attached', loss: '' }],
  features: [],
};

/** A sensor that may not use BPF. */
const POLLING: SensorIntroduction = {
  ...INTRODUCTION,
  mode: { mode: 'polling', code: 'privilege', reason: 'CAP_BPF is missing; run it as root.' },
  programs: [],
  features: [
    { name: 'events', available: false, how: 'polled', loss: 'what happens is seen at the next poll' },
    { name: 'user timeouts', available: false, how: 'not in sock_diag', loss: 'forecasts assume none' },
    { name: 'namespaces', available: true, how: 'all are open', loss: '' },
  ],
};

const SWEEP: PassReport = {
  edge: 'end',
  kind: 'sweep',
  passId: 1,
  monoUs: EPOCH_MONO_US,
  durationUs: 12_340,
  sockets: 240,
  connections: 200,
  reported: 0,
  processes: 17,
  marked: 0,
  error: 0,
  cpuUs: 9_870,
  budgetIntervalMs: 1234,
};

const COUNTERS: CountersReport = { ...NO_COUNTS, events: 5 };

/** A daemon with which nothing is wrong, but for `changes`. */
function parts(changes: Partial<StatusParts> = {}): StatusParts {
  return {
    startRealUs: EPOCH_REAL_US,
    daemonPid: 4711,
    supervisor: { state: 'running', restarts: 0, lastError: '', introduction: INTRODUCTION },
    counters: COUNTERS,
    reach: null,
    lastLossUs: EPOCH_MONO_US,
    tracker: createTrackerState(DEFAULT_TRACKER_CONFIG),
    uncounted: 0,
    lastSweep: SWEEP,
    sweepIntervalMs: 2000,
    sweepCpuPercentMax: 0.8,
    nowUs: EPOCH_MONO_US + 2_000_000,
    isStopping: false,
    unsaved: [],
    historyProblems: [],
    workloadProblems: [],
    alerting: createStatus().alerting,
    deliveryProblems: [],
    grpcProblems: [],
    node: createStatus().node,
    ...changes,
  };
}

/** Whose sensor came up then. */
function trackerSince(sensorUpUs: number): TrackerState {
  return { ...createTrackerState(DEFAULT_TRACKER_CONFIG), sensorUpUs };
}

function fullTracker(): TrackerState {
  const state = createTrackerState(DEFAULT_TRACKER_CONFIG);
  state.counters.evicted = 2;
  state.counters.refused = 3;
  return state;
}

test('a loss is a problem for a minute: the passes have repaired it since', () => {
  const counters = { ...COUNTERS, ringDropped: 7 };
  const nowUs = EPOCH_MONO_US + 61_000_000;
  const lastSweep = { ...SWEEP, monoUs: nowUs };
  const status = buildStatus(parts({ counters, nowUs, lastSweep }));
  assert.deepEqual([status.healthy, status.problems], [true, []]);
  assert.equal(status.sensor.ringBufferDrops, 7);
});

test('nothing is wrong', () => {
  const status = buildStatus(parts());
  assert.equal(status.healthy, true);
  assert.deepEqual(status.problems, []);
  assert.deepEqual(status.sensor.capabilities, ['CAP_BPF']);
  assert.equal(status.sensor.pid, 4712);
  assert.deepEqual(status.sweep, {
    endUs: EPOCH_MONO_US,
    durationUs: 12_340,
    sockets: 240,
    connections: 200,
    processes: 17,
    cpuUs: 9_870,
    intervalMs: 2000,
    configuredIntervalMs: 2000,
    cpuPercentMax: 0.8,
  });
});

const PROBLEMS: readonly (readonly [string, Partial<StatusParts>, readonly RegExp[]])[] = [
  [
    'the sensor starts',
    { supervisor: { state: 'starting', restarts: 0, lastError: '', introduction: null }, lastSweep: null },
    [/^the sensor is not running \(starting\); nothing new is detected$/],
  ],
  [
    'the sensor died',
    { supervisor: { state: 'backoff', restarts: 1, lastError: 'it was ended by SIGKILL', introduction: null } },
    [/^the sensor is not running \(backoff\): it was ended by SIGKILL; nothing new is detected$/],
  ],
  [
    'the sensor polls',
    {
      supervisor: { state: 'running', restarts: 0, lastError: '', introduction: POLLING },
      reach: { namespaces: 2, closedNamespaces: 3, closedProcesses: 1, passId: 1 },
    },
    [
      /^degraded: the sensor polls .* instead of using BPF: CAP_BPF is missing; run it as root; not known that way: events, user timeouts$/,
      /^degraded: 3 of 5 network namespaces cannot be entered, .*CAP_SYS_ADMIN/,
      /^degraded: the descriptors of 1 process cannot be read, .*CAP_DAC_READ_SEARCH$/,
    ],
  ],
  [
    'the sensor was told to poll',
    {
      supervisor: {
        ...{ state: 'running', restarts: 0, lastError: '' },
        introduction: { ...POLLING, mode: { mode: 'polling', code: null, reason: 'by configuration' }, features: [] },
      },
    },
    [/^degraded: the sensor polls .*: it was told so \(sensor\.mode: polling, .*auto.*; it sees less, and later$/],
  ],
  [
    'a probe is missing',
    {
      supervisor: {
        state: 'running',
        restarts: 0,
        lastError: '',
        introduction: {
          ...INTRODUCTION,
          programs: [
            ...INTRODUCTION.programs,
            {
              name: 'timer_expire_entry',
              attached: false,
              required: false,
              error: 2,
              how: 'ENOENT',
              loss: 'later by a sweep',
            },
          ],
        },
      },
    },
    [/^probe timer_expire_entry is missing: ENOENT; later by a sweep$/],
  ],
  ['the daemon is alone in its pid namespace', { daemonPid: 1 }, [/^the processes of this node .* set hostPID: true$/]],
  ['no sweep is complete', { lastSweep: null }, [/^the first sweep is not complete yet; owners are not known$/]],
  ['sweeps are late', { nowUs: EPOCH_MONO_US + 10_000_001 }, [/^sweeps are late/]],
  ['events were lost', { counters: { ...COUNTERS, ringDropped: 7 } }, [/^the kernel dropped 7 events/]],
  ['interests found no room', { counters: { ...COUNTERS, countRejected: 1 } }, [/^the tables of totals were full: /]],
  ['holdings found no room', { counters: { ...COUNTERS, holdingsDropped: 1 } }, [/^the tables of totals were full: /]],
  ['more peers than can be counted', { uncounted: 12 }, [/^of 12 peers and processes the totals are not known: /]],
  ['sockets were not marked', { counters: { ...COUNTERS, markFailed: 8 } }, [/^8 sockets could not be marked/]],
  [
    'the tracker was full',
    { tracker: fullTracker() },
    [/^the table .* was full: 5 reports of others were passed over$/],
  ],
  ['the disk is full', { unsaved: ['open records'] }, [/^open records cannot be saved/]],
  [
    'the API server does not answer',
    { workloadProblems: ['pod names are unknown: no answer within 10000 ms'] },
    [/^pod names are unknown: no answer within 10000 ms$/],
  ],
  ['the history is not written', { historyProblems: ['kept in memory only'] }, [/^kept in memory only$/]],
  [
    'several things at once',
    { unsaved: ['open records'], counters: { ...COUNTERS, ringDropped: 1, markFailed: 1 } },
    [/dropped/, /marked/, /saved/],
  ],
];

/** What of it keeps the daemon from telling what is stuck. */
const NOT_READY: readonly (readonly [string, Partial<StatusParts>, RegExp])[] = [
  [
    'no sensor',
    { supervisor: { state: 'backoff', restarts: 1, lastError: 'gone', introduction: null } },
    /\(backoff\): gone/,
  ],
  ['no sweep', { lastSweep: null }, /^the first sweep is not complete yet/],
  ['no sweep by this sensor', { tracker: trackerSince(EPOCH_MONO_US + 1) }, /^the first sweep is not complete yet/],
  ['a sensor that hangs', { nowUs: EPOCH_MONO_US + 10_000_001 }, /^sweeps are late/],
  ['the end', { isStopping: true }, /^stuckd is stopping$/],
];

for (const [name, changes, reason] of NOT_READY) {
  test(`not ready: ${name}`, () => {
    const { notReady, problems } = buildStatus(parts(changes));
    assert.equal(notReady.length, 1);
    assert.match(notReady[0] ?? '', reason);
    assert.ok(problems.includes(notReady[0] ?? ''));
  });
}

test('ready, though something does not work', () => {
  assert.deepEqual(buildStatus(parts({ unsaved: ['open records'] })).notReady, []);
  assert.deepEqual(buildStatus(parts({ tracker: trackerSince(EPOCH_MONO_US) })).notReady, []);
});

for (const [name, changes, problems] of PROBLEMS) {
  test(`${name}: it is said, and the daemon is not healthy`, () => {
    const status = buildStatus(parts(changes));
    assert.equal(status.healthy, false);
    assert.equal(status.problems.length, problems.length, status.problems.join('\n'));
    for (const [index, problem] of problems.entries()) {
      assert.match(status.problems[index] ?? '', problem);
    }
  });
}

test('sweeps that are slowed by their budget are late when the next one is, and the status has both intervals', () => {
  const lastSweep = { ...SWEEP, budgetIntervalMs: 60_000 };
  const patientUs = EPOCH_MONO_US + 68_000_000;
  const status = buildStatus(parts({ lastSweep, nowUs: patientUs }));
  assert.deepEqual([status.healthy, status.notReady], [true, []]);
  assert.deepEqual([status.sweep?.intervalMs, status.sweep?.configuredIntervalMs], [60_000, 2000]);
  assert.match(buildStatus(parts({ lastSweep, nowUs: patientUs + 1 })).notReady[0] ?? '', /^sweeps are late/);
});

test('a sweep whose end is being worked out is not late', () => {
  const tracker = createTrackerState(DEFAULT_TRACKER_CONFIG);
  const late = { tracker, nowUs: EPOCH_MONO_US + 60_000_000 };
  assert.equal(buildStatus(parts(late)).healthy, false);
  tracker.conclusion = { pieces: [].values() } as unknown as TrackerState['conclusion'];
  assert.equal(buildStatus(parts(late)).healthy, true);
});

test('sweeps may be a little late', () => {
  assert.equal(buildStatus(parts({ nowUs: EPOCH_MONO_US + 10_000_000 })).healthy, true);
});

test('a tracker that was full tells how many were not followed', () => {
  assert.equal(buildStatus(parts({ tracker: fullTracker() })).tracker.evicted, 5);
});

test('a sensor that polls: ready, and not healthy; the mode, its reason, what it reaches and what is not known', () => {
  const supervisor = { state: 'running', restarts: 0, lastError: '', introduction: POLLING } as const;
  const reach = { namespaces: 2, closedNamespaces: 0, closedProcesses: 0, passId: 1 };
  const { notReady, healthy, sensor } = buildStatus(parts({ supervisor, reach }));
  assert.deepEqual([notReady, healthy], [[], false]);
  assert.deepEqual(
    [sensor.mode, sensor.modeReason, sensor.reach],
    ['polling', 'CAP_BPF is missing; run it as root.', reach],
  );
  assert.deepEqual(sensor.degradations, [
    { name: 'events', loss: 'what happens is seen at the next poll' },
    { name: 'user timeouts', loss: 'forecasts assume none' },
  ]);
});

test('a sensor that uses BPF, or is not there, is not degraded, whatever one before it has told', () => {
  const reach = { namespaces: 2, closedNamespaces: 3, closedProcesses: 4, passId: 1 };
  const features = POLLING.features;
  const supervisor = { ...parts().supervisor, introduction: { ...INTRODUCTION, features } };
  const { healthy, sensor } = buildStatus(parts({ supervisor, reach }));
  assert.deepEqual([healthy, sensor.mode, sensor.reach, sensor.degradations], [true, 'ebpf', null, []]);
  const gone = buildStatus(parts({ supervisor: { ...supervisor, state: 'backoff', introduction: null }, reach }));
  assert.deepEqual([gone.sensor.mode, gone.sensor.reach], [null, null]);
});
