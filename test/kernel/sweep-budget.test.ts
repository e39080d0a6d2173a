// Proves with real sockets that sweeps that would take more CPU time than they may come less often, that the status says so,
// and that a reload gives the interval back. The budget is chosen by what a sweep takes here, so that it asks for some seconds on
// every machine. It cannot prove how much CPU time a sweep takes; `npm run bench -- idle` tells.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatStatusPage } from '../../daemon/cli/status-page.js';
import { createStyle } from '../../daemon/lib/terminal.js';
import { durationToMs, timestampToMs } from '../../daemon/rpc/proto-time.js';
import { labSkipReason, waitFor } from '../support/lab.js';
import { StuckdUnderTest } from '../support/stuckd.js';

const skip = labSkipReason();
const CONFIGURED_MS = 100;
const WANTED_MS = 1500;
const PERCENT_MIN = 0.01;
/** The first ones learn what later ones find in the caches: the cheapest of some is what a sweep takes here. */
const WARM_SWEEPS = 5;
/** It takes a second or two each. */
const PAIRS_MAX = 30;

interface Sweep {
  readonly beginMs: number;
  readonly endMs: number;
  readonly cpuMs: number;
  readonly intervalMs: number;
  readonly slowed: boolean;
}

async function lastSweep(stuckd: StuckdUnderTest): Promise<Sweep> {
  const { endTime, duration, cpuTime, interval, slowed } = (await stuckd.status()).sweep ?? {};
  const endMs = timestampToMs(endTime ?? {});
  return {
    ...{ beginMs: endMs - durationToMs(duration ?? {}), endMs, cpuMs: durationToMs(cpuTime ?? {}) },
    ...{ intervalMs: durationToMs(interval ?? {}), slowed: slowed === true },
  };
}

/** Waits for a sweep behind another one. */
async function sweepAfter(stuckd: StuckdUnderTest, last: Sweep): Promise<Sweep> {
  const isNext = async (): Promise<Sweep | undefined> => {
    const sweep = await lastSweep(stuckd);
    return sweep.endMs > last.endMs ? sweep : undefined;
  };
  return waitFor(isNext, { what: 'the next sweep' });
}

test('a budget that sweeps exceed slows them, and a reload gives their interval back', { skip }, async (t) => {
  const stuckd = await StuckdUnderTest.start(t, { sensor: { sweepInterval: `${CONFIGURED_MS}ms` } });
  let free = await lastSweep(stuckd);
  let cheapestMs = Infinity;
  for (let count = 0; count < WARM_SWEEPS; count += 1) {
    free = await sweepAfter(stuckd, free);
    cheapestMs = Math.min(cheapestMs, free.cpuMs);
  }
  assert.deepEqual([free.slowed, free.intervalMs], [false, CONFIGURED_MS]);
  assert.ok(cheapestMs > 0);

  const percent = Math.max(PERCENT_MIN, (cheapestMs / WANTED_MS) * 100);
  await stuckd.reload({ sweepCpuPercentMax: percent });
  let [last, next] = [free, await sweepAfter(stuckd, free)];
  // Others on the machine may have what makes the daemon ask for a sweep at once: such a pair says nothing.
  const isKept = (): boolean => last.slowed && next.beginMs - last.endMs >= 0.9 * last.intervalMs;
  for (let pairs = 1; !isKept(); pairs += 1) {
    assert.ok(pairs < PAIRS_MAX, `none of ${PAIRS_MAX} sweeps kept the interval that the sweep before it asked for`);
    [last, next] = [next, await sweepAfter(stuckd, next)];
  }
  const budgetMs = (last.cpuMs / percent) * 100;
  assert.ok(Math.abs(last.intervalMs - budgetMs) <= 0.01 * budgetMs + 1, `${last.intervalMs} ms, not ${budgetMs}`);
  const status = await stuckd.status();
  assert.deepEqual(await stuckd.problems(), []);
  assert.match(
    formatStatusPage(status, Date.now(), Infinity, createStyle(false)),
    /^ {2}sweeps +every [\d.]+ s( \(the longest\))? instead of 0\.1 s: a sweep takes [\d.]+ ms of CPU /m,
  );

  await stuckd.reload({ sweepCpuPercentMax: 100 });
  let back = await lastSweep(stuckd);
  while (back.slowed) {
    back = await sweepAfter(stuckd, back);
  }
  assert.equal(back.intervalMs, CONFIGURED_MS);
  await sweepAfter(stuckd, await sweepAfter(stuckd, back));
});
