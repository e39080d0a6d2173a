// Proves, with parts of the sensor that need no kernel program, that records stay whole on its stream when the thread of the
// events offers some of one and another thread writes meanwhile (bpf/stream.c), and how long it waits between two sweeps
// (bpf/sweep_budget.c). Cannot prove that the sensor calls them; the kernel tests do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { testTool } from '../../support/test-tool.js';

async function ask(name: string, source: string, values: readonly number[]): Promise<readonly number[]> {
  const program = await testTool(name, `test/support/sensor-units/${source}`);
  const { stdout } = await promisify(execFile)(program, values.map(String), { timeout: 60_000 });
  return [...stdout.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

test('records that two threads write at a time stay whole, also where an offer ends within one', async () => {
  const [offered, written, interrupted = 0, alternations = 0] = await ask('stream-offer', 'stream_offer.c', [5000]);
  assert.deepEqual([offered, written], [5000, 5000]);
  assert.ok(interrupted > 100, `an offer ended ${interrupted} times within a record`);
  assert.ok(alternations > 2, `the threads took turns only ${alternations} times`);
});

describe('from one sweep to the next', () => {
  const PERCENT_PPM = 10_000;
  /** What the sensor says at the end of a sweep, and how long it waits for the next one. */
  async function waits(options: {
    readonly cpuMs: number;
    readonly percent: number;
    readonly configuredMs?: number;
    readonly toldMs?: number;
    readonly dropped?: number;
  }): Promise<readonly number[]> {
    const { cpuMs, percent, configuredMs = 2000, toldMs = 60_000, dropped = 0 } = options;
    const values = [cpuMs * 1000, toldMs, 7, configuredMs, Math.round(percent * PERCENT_PPM), 7 + dropped];
    return ask('sweep-interval', 'sweep_interval.c', values);
  }

  test('within the budget: as configured', async () => {
    assert.deepEqual(await waits({ cpuMs: 5, percent: 0.3 }), [1666, 2000]);
  });

  test('beyond: until its share of a core is that of the budget', async () => {
    assert.deepEqual(await waits({ cpuMs: 57, percent: 0.5 }), [11_400, 11_400]);
  });

  test('never longer than a minute, unless that is configured', async () => {
    assert.deepEqual(await waits({ cpuMs: 500, percent: 0.01 }), [60_000, 60_000]);
    assert.deepEqual(await waits({ cpuMs: 500, percent: 0.01, configuredMs: 90_000 }), [60_000, 90_000]);
  });

  test('a budget that was raised since counts at once, one that was lowered from the next sweep on', async () => {
    assert.deepEqual(await waits({ cpuMs: 57, percent: 1, toldMs: 11_400 }), [5700, 5700]);
    assert.deepEqual(await waits({ cpuMs: 57, percent: 0.1, toldMs: 11_400 }), [57_000, 11_400]);
  });

  test('what was lost is made up for without regard to the budget', async () => {
    assert.deepEqual(await waits({ cpuMs: 57, percent: 0.5, dropped: 1 }), [11_400, 2000]);
  });
});
