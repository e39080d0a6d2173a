/**
 * How late timers run on this machine, measured by a thread of its own while the tests of a file run: a busy or emulated
 * machine lets processes and timers of the kernel wait alike. The thread sleeps in the kernel and does nothing else, so
 * that it does not count what keeps the tests' own thread busy.
 */
import { Worker } from 'node:worker_threads';

/** Seldom enough to cost nothing. */
const SLEEP_MS = 200;

const SLEEPER = `
  const { workerData } = require('node:worker_threads');
  const { sleepMs, latestUs } = workerData;
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const before = performance.now();
    Atomics.wait(nothing, 0, 0, sleepMs);
    const lateUs = Math.round((performance.now() - before - sleepMs) * 1000);
    if (lateUs > Atomics.load(latestUs, 0)) {
      Atomics.store(latestUs, 0, lateUs);
    }
  }
`;

const latestUs = new Int32Array(new SharedArrayBuffer(4));
const sleeper = new Worker(SLEEPER, { eval: true, workerData: { sleepMs: SLEEP_MS, latestUs } });
sleeper.unref();

/** @returns by how much the latest timer up to now was late, in milliseconds. */
export function latestTimerMs(): number {
  return Atomics.load(latestUs, 0) / 1000;
}
