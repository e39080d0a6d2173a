// Proves when the service manager is told what, with a socket and timers of the test: the status only when it is another,
// signs of life always, one complaint for a socket that fails, and nothing after the last word.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { ServiceNotifier } from '../../../daemon/service-manager/service-notifier.js';

describe('the service manager', () => {
  let sent: string[] = [];
  let warnings: string[] = [];
  let status = '';
  let isBroken = false;

  function notifier(watchdogMs: number | null): ServiceNotifier {
    return new ServiceNotifier({
      socket: {
        send: (assignments) => {
          if (isBroken) {
            throw new Error('ECONNREFUSED');
          }
          sent.push(assignments.join(' '));
        },
      },
      watchdogMs,
      status: () => status,
      nowUs: () => 42.5,
      warn: (message) => warnings.push(message),
    });
  }

  beforeEach(() => {
    sent = [];
    warnings = [];
    status = 'a';
    isBroken = false;
    mock.timers.enable({ apis: ['setInterval'] });
  });

  afterEach(() => {
    mock.timers.reset();
  });

  test('hears of another status, at most every 10 s or when it is worth it', () => {
    const told = notifier(null);
    told.ready();
    mock.timers.tick(20_000);
    status = 'b';
    mock.timers.tick(9_999);
    assert.deepEqual(sent, ['READY=1 STATUS=a']);
    mock.timers.tick(1);
    status = 'c';
    told.update();
    assert.deepEqual(sent, ['READY=1 STATUS=a', 'READY=1 STATUS=b', 'READY=1 STATUS=c']);
    told.stopping();
  });

  test('hears signs of life in its time, at the latest with what may have changed', () => {
    const often = notifier(4_000);
    often.ready();
    mock.timers.tick(8_000);
    assert.deepEqual(sent, Array(3).fill('READY=1 STATUS=a WATCHDOG=1'));
    often.stopping();
    const seldom = notifier(60_000);
    seldom.ready();
    mock.timers.tick(10_000);
    assert.equal(sent.length, 6);
    seldom.stopping();
  });

  test('hears of a reload and then of what is new, and of nothing before the daemon serves', () => {
    const told = notifier(null);
    told.reloading();
    told.update();
    assert.deepEqual(sent, []);
    told.ready();
    told.reloading();
    status = 'b';
    told.ready();
    assert.deepEqual(sent, ['READY=1 STATUS=a', 'RELOADING=1 MONOTONIC_USEC=42', 'READY=1 STATUS=b']);
    told.stopping();
  });

  test('hears nothing after the end', () => {
    const told = notifier(1000);
    told.ready();
    told.stopping();
    told.reloading();
    told.ready();
    told.update();
    mock.timers.tick(10_000);
    assert.deepEqual(sent, ['READY=1 STATUS=a WATCHDOG=1', 'STOPPING=1 STATUS=draining']);
  });

  test('gets what it has missed with the next message; of each such time the log says so once', () => {
    const told = notifier(null);
    told.ready();
    isBroken = true;
    status = 'b';
    mock.timers.tick(30_000);
    assert.deepEqual(warnings, ['the service manager cannot be told: ECONNREFUSED']);
    isBroken = false;
    mock.timers.tick(10_000);
    assert.deepEqual(sent, ['READY=1 STATUS=a', 'READY=1 STATUS=b']);
    isBroken = true;
    told.stopping();
    assert.equal(warnings.length, 2);
  });
});
