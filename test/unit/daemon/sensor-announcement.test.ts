// Proves what the log says of a sensor that has come up: what is attached and missing, or that it polls, why, and what root would add.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../../../daemon/lib/logger.js';
import { announceSensor } from '../../../daemon/sensor-announcement.js';
import type { SensorIntroduction } from '../../../daemon/sensor/sensor-session.js';

const ATTACHED = { name: 'sweep', attached: true, required: true, error: 0, how: 'attached', loss: '' };
const MISSED = { name: 'timer', attached: false, required: false, error: 2, how: 'ENOENT', loss: 'sweeps serve' };

function introduction(changes: Partial<SensorIntroduction> = {}): SensorIntroduction {
  return {
    hello: {
      ...{ magic: 0n, layoutHash: 0n, hz: 250, pid: 12, capabilities: 0n, version: '0', kernelRelease: '6.18.0' },
      ...{ machine: 'x86_64', bootId: '' },
    },
    mode: { mode: 'ebpf', code: null, reason: '' },
    clock: { monoUs: 0, realUs: 0, bootUs: 0, jiffies: 0, jiffyEdgeUs: 0 },
    programs: [ATTACHED, MISSED],
    features: [],
    ...changes,
  };
}

const POLLING = introduction({
  mode: { mode: 'polling', code: 'privilege', reason: 'CAP_BPF is missing' },
  programs: [],
  features: [{ name: 'events', available: false, how: 'polled', loss: 'later' }],
});

/** What is logged, each line with its level. */
function linesOf(told: SensorIntroduction, isAgain: boolean, uid: number): readonly string[] {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (message: string): void => {
      lines.push(`${level} ${message}`);
    };
  const log: Logger = {
    ...{ debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') },
    setLevel: () => undefined,
  };
  announceSensor(told, log, isAgain, uid);
  return lines;
}

test('a sensor with BPF: how many probes, and each that is missing', () => {
  assert.deepEqual(linesOf(introduction(), false, 1000), [
    'info sensor attached 1 of 2 probes',
    'warn probe timer is missing: ENOENT; sweeps serve',
  ]);
});

test('a sensor that polls: one sentence', () => {
  assert.deepEqual(linesOf(POLLING, false, 0), [
    'info the sensor polls',
    'warn degraded: the sensor polls (sock_diag, /proc) instead of using BPF: CAP_BPF is missing; not known that way: events',
  ]);
});

test('an ordinary user is told once what root would add', () => {
  const lines = linesOf(POLLING, false, 1000);
  assert.equal(lines.length, 6);
  assert.deepEqual(lines.slice(2, 4), [
    'info what root would add (sudo stuckd run):',
    'info - BPF: events as they happen, user timeouts and keepalive settings in forecasts, audits',
  ]);
  assert.equal(linesOf(POLLING, true, 1000).length, 2);
  const lockedDown = { ...POLLING, mode: { ...POLLING.mode, code: 'load' as const } };
  assert.equal(linesOf(lockedDown, false, 1000).length, 2, 'where root could not either');
});
