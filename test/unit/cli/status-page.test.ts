// Proves the exact text of `stuckctl status`, also with problems and hostile names. What the numbers mean is proved where they
// are counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatStatusPage } from '../../../daemon/cli/status-page.js';
import { createStyle } from '../../../daemon/lib/terminal.js';
import { stuckd } from '../../../daemon/rpc/gen/stuckd.js';
import { statusToProto } from '../../../daemon/rpc/node-service.js';
import { createClock, createStatus, EPOCH_REAL_US } from '../rpc/sample-records.js';

const { GetStatusResponse } = stuckd.v1;

/** As stuckctl gets it, and shows it on a terminal of any width. */
function page(changes: Parameters<typeof createStatus>[0]): string {
  const message = statusToProto(createStatus(changes), 1, createClock());
  const received = GetStatusResponse.decode(GetStatusResponse.encode(message).finish());
  return formatStatusPage(received, EPOCH_REAL_US / 1000, Infinity, createStyle(false));
}

test('of a healthy agent', () => {
  assert.equal(
    page({}),
    [
      'stuckd is healthy.',
      '',
      '  daemon        version 0.1.0, pid 4711, running for 1h 0m',
      '  sensor        running, pid 4712, version 0.1.0',
      '  capabilities  CAP_BPF, CAP_PERFMON',
      '  programs      1 of 2 attached',
      '  not attached  timer_expire_entry: ENOENT: keepalive is seen by sweeps only',
      '  restarts      0',
      '  dropped       0 events (ring buffer full)',
      '  last sweep    1.5s ago in 12.3 ms: 240 sockets, 200 connections, 17 processes with TCP sockets',
      '  stuck now     2 (retransmitting 2)',
      '  suspected     3',
      '  since start   12 opened; ended: recovered 10',
      '  alerts        1 firing; since start 4 fired, 3 resolved',
      '  subscribers   1',
      '  node          web-1, KVM',
      '  system        Debian GNU/Linux 12, Linux 6.18.0, x64',
      '  resources     2 processors, 8.0 GiB',
      '',
    ].join('\n'),
  );
});

test('of an agent whose sensor polls: what it reaches, and what is not known', () => {
  const { sensor } = createStatus();
  const text = page({
    sensor: {
      ...sensor,
      ...{ mode: 'polling', modeReason: 'no BTF', programs: [], capabilities: [] },
      reach: { namespaces: 1, closedNamespaces: 2, closedProcesses: 1 },
      degradations: [{ name: 'user\u001btimeouts', loss: 'forecasts assume none' }],
    },
  });
  assert.deepEqual(text.split('\n').slice(3, 9), [
    '  sensor        running, pid 4712, version 0.1.0',
    '  capabilities  none',
    '  mode          polling (degraded): sock_diag and /proc instead of BPF',
    '  polled        1 network namespace; 2 closed to it; descriptors of 1 process cannot be read',
    '  not known     user\\x1btimeouts: forecasts assume none',
    '  restarts      0',
  ]);
});

test('sweeps that are slowed by their budget', () => {
  const sweep = { endUs: 0, durationUs: 60_000, sockets: 80_000, connections: 80_000, processes: 17 };
  const lineOf = (cpuUs: number, intervalMs: number): string | undefined => {
    const budget = { cpuUs, intervalMs, configuredIntervalMs: 2000, cpuPercentMax: 0.5 };
    return page({ sweep: { ...sweep, ...budget } })
      .replaceAll(/\n {3,}/g, ' ')
      .split('\n')
      .find((line) => line.startsWith('  sweeps  '));
  };
  assert.equal(lineOf(9_999, 2000), undefined);
  assert.equal(
    lineOf(57_000, 11_400),
    '  sweeps        every 11.4 s instead of 2 s: a sweep takes 57 ms of CPU and may take 0.5 % of a core',
  );
  assert.equal(
    lineOf(600_000, 60_000),
    '  sweeps        every 60 s (the longest) instead of 2 s: a sweep takes 600 ms of CPU and may take 0.5 % of a core',
  );
});

test('receivers: those with trouble first, and not too many', () => {
  const well = { pending: 0, oldestAgeMs: 0, delivered: 7, dead: 0, dropped: 0, failedAttempts: 0, lastError: '' };
  const receivers = [
    ...['a', 'b', 'c', 'd', 'e'].map((name) => ({ ...well, name })),
    { ...well, name: 'hook', pending: 2, oldestAgeMs: 125_000, dead: 1, dropped: 3, lastError: '\x1b' },
  ];
  const { alerting } = createStatus();
  const text = page({ alerting: { ...alerting, alertsDropped: 2, connectionsDropped: 40, receivers } });
  assert.deepEqual(
    text.split('\n').filter((line) => /^ {2}(alert|not alert|receiver)/.test(line)),
    [
      '  alerts        1 firing; since start 4 fired, 3 resolved',
      '  not alerted   2 conditions, 40 connections: too many at a time',
      '  receiver      hook: 7 delivered, 2 waiting (oldest 2m 5s), 1 given up, 3 dropped; last error: \\x1b',
      '  receiver      a: 7 delivered',
      '  receiver      b: 7 delivered',
      '  receiver      c: 7 delivered',
      '  receiver      d: 7 delivered',
      '  receivers     1 more, see -o json',
    ],
  );
});

test('problems come first', () => {
  const { sensor } = createStatus();
  const text = page({
    healthy: false,
    problems: ['The sensor ended and is started again: nothing new is seen until then.'],
    sweep: null,
    sensor: {
      ...sensor,
      state: 'backoff',
      pid: 0,
      capabilities: [],
      programs: [],
      restarts: 2,
      lastError: 'signal \x1b9',
    },
  });
  assert.equal(
    text,
    [
      'stuckd does not see everything:',
      '  - The sensor ended and is started again: nothing new is seen until then.',
      '',
      '  daemon        version 0.1.0, pid 4711, running for 1h 0m',
      '  sensor        backoff',
      '  capabilities  none',
      '  programs      0 of 0 attached',
      '  restarts      2, the last because: signal \\x1b9',
      '  dropped       0 events (ring buffer full)',
      '  last sweep    none is complete yet',
      '  stuck now     2 (retransmitting 2)',
      '  suspected     3',
      '  since start   12 opened; ended: recovered 10',
      '  alerts        1 firing; since start 4 fired, 3 resolved',
      '  subscribers   1',
      '  node          web-1, KVM',
      '  system        Debian GNU/Linux 12, Linux 6.18.0, x64',
      '  resources     2 processors, 8.0 GiB',
      '',
    ].join('\n'),
  );
});
