/** Proves how the benchmarks read what the kernel and the daemon say about a process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumOfMetric, valuesByLabel } from '../../bench/metric-text.js';
import { cpuTicksOf, readUsage, residentKib, residentPeakKib, usageRate } from '../../bench/process-usage.js';

test('processor time stands behind a name that may hold anything', () => {
  const fields = 'S 1 2 3 0 -1 4194560 100 0 0 0 70 30 5 5 20 0 11 0 1000 0 0';
  assert.equal(cpuTicksOf(`42 (node) ${fields}`), 100);
  assert.equal(cpuTicksOf(`42 (a b) (c) 1 2) ${fields}`), 100);
});

test('rates are what happened between two readings, by the time between them', () => {
  const before = { cpuMs: 100, wakeups: 10, atMs: 1000 };
  assert.deepEqual(usageRate(before, { cpuMs: 110, wakeups: 30, atMs: 3000 }), {
    cpuPercent: 0.5,
    wakeupsPerSecond: 10,
  });
  assert.throws(() => usageRate(before, before), RangeError);
});

test('this process can be read', () => {
  const { cpuMs, wakeups } = readUsage(process.pid, 100);
  assert.ok(cpuMs > 0 && wakeups > 0);
  assert.ok(residentKib(process.pid) > 1000);
  assert.ok(residentPeakKib(process.pid) >= residentKib(process.pid) / 2);
});

test('a metric is the sum of its series, and of no other metric', () => {
  const text = ['# TYPE a counter', 'a{x="1"} 3', 'a{x="2 "} 4', 'ab 100', 'b 0.5'].join('\n');
  assert.equal(sumOfMetric(text, 'a'), 7);
  assert.equal(sumOfMetric(text, 'b'), 0.5);
  assert.throws(() => sumOfMetric(text, 'c'), /no metric c/u);
});

test('values by label leave out what is 0, and other metrics', () => {
  const text = ['# TYPE a counter', 'a{x="one"} 3', 'a{x="two"} 0', 'ab{x="three"} 4', 'a 5'].join('\n');
  assert.deepEqual(valuesByLabel(text, 'a'), { one: 3 });
});
