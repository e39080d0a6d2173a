// Proves the conversion from the kernel's clocks to wall time, and that this process reads the clock that the kernel stamps
// records with. It cannot prove that a machine's clocks are right.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { monotonicUs, SystemClock } from '../../../daemon/lib/system-clock.js';

const CLOCKS = { monoUs: 1_000, realUs: 1_700_000_000_000_000, bootUs: 5_000, jiffies: 1, jiffyEdgeUs: 900 };

test('wall time follows the newest clocks of the sensor, the clock that runs during suspend apart', () => {
  const clock = new SystemClock();
  clock.update(CLOCKS);
  assert.equal(clock.monoToRealUs(1_500), CLOCKS.realUs + 500);
  assert.equal(clock.bootToRealUs(5_500), CLOCKS.realUs + 500);
  clock.update({ ...CLOCKS, realUs: CLOCKS.realUs + 7000 });
  assert.equal(clock.monoToRealUs(1_500), CLOCKS.realUs + 7500, 'wall time was stepped');
});

test('one instant keeps its wall time although no two pairs of clocks are read quite alike', () => {
  const clock = new SystemClock();
  clock.update(CLOCKS);
  clock.update({ ...CLOCKS, realUs: CLOCKS.realUs + 1 });
  assert.equal(clock.monoToRealUs(1_500), CLOCKS.realUs + 500);
});

test('without a sensor wall time is that of this process', () => {
  const clock = new SystemClock();
  const beforeUs = Date.now() * 1000;
  const realUs = clock.monoToRealUs(clock.nowUs());
  const afterUs = (Date.now() + 1) * 1000;
  // The two clocks are not read at one instant, neither here nor there.
  assert.ok(realUs > beforeUs - 60e6 && realUs < afterUs + 60e6);
});

test('the monotonic clock is CLOCK_MONOTONIC, as timer_list shows it', (t) => {
  let text: string;
  try {
    text = readFileSync('/proc/timer_list', 'utf8');
  } catch {
    t.skip('needs root, to read /proc/timer_list');
    return;
  }
  const kernelUs = Number(/^now at (\d+) nsecs$/m.exec(text)?.[1]) / 1000;
  const afterUs = monotonicUs();
  assert.ok(afterUs >= kernelUs && afterUs < kernelUs + 60e6, `${afterUs} us, the kernel said ${kernelUs} us`);
});
