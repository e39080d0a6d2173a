// Proves in tables when systemd wants signs of life, what `systemctl status` gets to read, and which descriptor is taken for
// its socket. That systemd understands it is for test/kernel/systemd.test.ts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusReport } from '../../../daemon/core/ports.js';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { NotifySocketError, openNotifySocket } from '../../../daemon/service-manager/notify-socket.js';
import { statusLine } from '../../../daemon/service-manager/status-line.js';
import { watchdogIntervalMs } from '../../../daemon/service-manager/watchdog.js';

describe('the watchdog wants a sign of life twice in its time', () => {
  const cases: readonly (readonly [string, NodeJS.ProcessEnv, number | null])[] = [
    ['no watchdog', {}, null],
    ['30 s', { WATCHDOG_USEC: '30000000' }, 15_000],
    ['of this process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '77' }, 15_000],
    ['of another process, whose environment this one has', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '78' }, null],
    ['less than a timer can do', { WATCHDOG_USEC: '100' }, 1],
    ['more than a timer can do', { WATCHDOG_USEC: '9000000000000000' }, 2 ** 31 - 1],
    ['0', { WATCHDOG_USEC: '0' }, null],
    ['no number', { WATCHDOG_USEC: '30s' }, null],
    ['infinity', { WATCHDOG_USEC: '18446744073709551615' }, null],
  ];
  for (const [name, environment, expected] of cases) {
    test(name, () => {
      assert.equal(watchdogIntervalMs(environment, 77), expected);
    });
  }
});

describe('the descriptor of notify-exec', () => {
  test('without a service manager there is none', () => {
    assert.equal(openNotifySocket({}), null);
    assert.equal(openNotifySocket({ NOTIFY_SOCKET: '' }), null);
  });
  const wrong: readonly (readonly [string, NodeJS.ProcessEnv, RegExp])[] = [
    ['started without notify-exec', { NOTIFY_SOCKET: '/run/systemd/notify' }, /stuckd-notify-exec node/],
    ['no number', { STUCKD_NOTIFY_FD: 'x' }, /STUCKD_NOTIFY_FD is "x", which is no open socket/],
    ['standard output', { STUCKD_NOTIFY_FD: '1' }, /no open socket/],
    ['not open', { STUCKD_NOTIFY_FD: '999' }, /no open socket/],
  ];
  test('is taken out of the environment, which programs that the daemon starts will have', () => {
    const environment = { STUCKD_NOTIFY_FD: '1', PATH: '/bin' };
    assert.throws(() => openNotifySocket(environment), NotifySocketError);
    assert.deepEqual(environment, { PATH: '/bin' });
  });
  for (const [name, environment, message] of wrong) {
    test(`${name}: an error that says what to do`, () => {
      assert.throws(
        () => openNotifySocket(environment),
        (error) => error instanceof NotifySocketError && message.test(error.message),
      );
    });
  }
});

/** As much of a status as the line is made of. */
function report(sensor: { state?: string; attached?: readonly boolean[] } = {}, problems: string[] = []): StatusReport {
  const { state = 'running', attached = [true, true] } = sensor;
  return { sensor: { state, programs: attached.map((each) => ({ attached: each })) }, problems } as never;
}

/** @param pids of the owners; null is a connection without one */
function records(...pids: readonly (number | null)[]): readonly StuckRecord[] {
  return pids.map((pid) => ({ owner: pid === null ? null : { pid, startBootUs: 5 } }) as never);
}

describe('the status line', () => {
  const cases: readonly (readonly [string, StatusReport, readonly StuckRecord[], string])[] = [
    ['all is well', report(), [], 'nothing is stuck; 2 of 2 probes'],
    [
      'it polls',
      { ...report(), sensor: { ...report().sensor, mode: 'polling' as const } },
      [],
      'nothing is stuck; polling',
    ],
    ['one', report(), records(7), '1 connection stuck in 1 process; 2 of 2 probes'],
    ['some', report(), records(7, 8, 8), '3 connections stuck in 2 processes; 2 of 2 probes'],
    ['orphans', report(), records(null, null), '2 connections stuck; 2 of 2 probes'],
    [
      'a probe is missing',
      report({ attached: [true, false] }, ['probe x is missing: no']),
      [],
      'nothing is stuck; 1 of 2 probes; probe x is missing: no',
    ],
    ['no sensor', report({ state: 'backoff' }, ['no sensor']), [], 'nothing is stuck; no sensor'],
    ['two problems', report({}, ['a', 'b']), [], 'nothing is stuck; 2 of 2 probes; a (and 1 more problem)'],
    ['more', report({}, ['a', 'b', 'c']), [], 'nothing is stuck; 2 of 2 probes; a (and 2 more problems)'],
    ['a problem in two lines', report({}, ['a\nREADY=1']), [], 'nothing is stuck; 2 of 2 probes; a\\nREADY=1'],
  ];
  for (const [name, status, open, expected] of cases) {
    test(name, () => {
      assert.equal(statusLine(status, open), expected);
    });
  }

  test('is of bounded length', () => {
    const line = statusLine(report({}, ['x'.repeat(1000)]), []);
    assert.equal(line.length, 240);
    assert.ok(line.endsWith('x...'));
  });
});
