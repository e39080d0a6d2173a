/** Proves when audits are made that nobody has asked for. What they are is shown in audit-engine and in test/kernel/audit. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { AuditTimer } from '../../../daemon/audit/audit-timer.js';

const FIRST_MS = 5000;
const INTERVAL_MS = 60_000;

let audits: number;

function timer(intervalMs: number | null = INTERVAL_MS): AuditTimer {
  return new AuditTimer({
    intervalMs,
    audit: () => {
      audits++;
      return Promise.reject(new Error('no sensor')); // it goes on all the same
    },
  });
}

beforeEach(() => {
  audits = 0;
  mock.timers.enable({ apis: ['setTimeout'] });
});

afterEach(() => {
  mock.timers.reset();
});

test('soon after the first picture, and then at intervals', () => {
  const audit = timer();
  mock.timers.tick(10 * INTERVAL_MS);
  assert.equal(audits, 0, 'not before it');
  audit.start();
  mock.timers.tick(FIRST_MS - 1);
  assert.equal(audits, 0);
  mock.timers.tick(1);
  assert.equal(audits, 1);
  mock.timers.tick(INTERVAL_MS - 1);
  assert.equal(audits, 1);
  mock.timers.tick(1);
  assert.equal(audits, 2);
  audit.stop();
  mock.timers.tick(10 * INTERVAL_MS);
  assert.equal(audits, 2);
});

test('who reads the configuration again and again does not keep it from running', () => {
  const audit = timer();
  audit.start();
  mock.timers.tick(FIRST_MS);
  for (let reload = 0; reload < 4; reload++) {
    mock.timers.tick(INTERVAL_MS / 4);
    audit.reconfigure(INTERVAL_MS);
  }
  assert.equal(audits, 2);
  audit.stop();
});

test('another interval counts from then on; none, and there are no more', () => {
  const audit = timer();
  audit.start();
  mock.timers.tick(FIRST_MS);
  audit.reconfigure(1000);
  mock.timers.tick(1000);
  assert.equal(audits, 2);
  audit.reconfigure(null);
  mock.timers.tick(10 * INTERVAL_MS);
  assert.equal(audits, 2);
  audit.reconfigure(2000);
  mock.timers.tick(2000);
  assert.equal(audits, 3);
  audit.stop();
});

test('switched off, or changed before the first picture, it waits for that', () => {
  const audit = timer(null);
  audit.start();
  mock.timers.tick(10 * INTERVAL_MS);
  const late = timer();
  late.reconfigure(1000);
  mock.timers.tick(10 * INTERVAL_MS);
  assert.equal(audits, 0);
});
