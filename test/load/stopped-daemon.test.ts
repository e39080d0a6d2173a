/**
 * Proves that a daemon which stands still for half a minute tells in the end what happened meanwhile, and no untruth:
 * connections that got stuck, recovered, timed out, were killed, got stuck and recovered, and new ones between the same
 * addresses and ports. Then so many are killed that the sensor's queue is full as well: what finds no room is counted, and
 * made up for. A subscriber that stood all the time hears of it in an order that makes sense.
 *
 * It cannot prove that a process which ended meanwhile is named: its connections say so.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { residentPeakKib } from '../bench/process-usage.js';
import { labSkipReason } from '../support/lab.js';
import { kernelLatenessMs } from '../support/record-checks.js';
import { droppedAt, StuckCrowd } from '../support/stuck-crowd.js';
import { StuckdUnderTest } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';

const FEW = 100;
/** Six events each until it is killed: more than the 32 MiB of the sensor's queue and its ring buffer hold. */
const CROWD = 20_000;
/** One client port and so many server ports. */
const TUPLES = 8;
const STOPPED_MS = 30_000;

/** The queue, the ring buffer, which is mapped twice, and what the sensor takes at rest. */
const SENSOR_MAX_KIB = (32 + 2 * 2 + 8) * 1024;

test('a daemon that stands still while connections get stuck, heal and end', { skip: labSkipReason() }, async (t) => {
  const stuckd = await StuckdUnderTest.start(t);
  const { pid } = stuckd.process;
  const sensorPid = await stuckd.sensorPid();
  const staying = await StuckCrowd.open(t, FEW);
  const healed = await StuckCrowd.open(t, FEW);
  const killed = await StuckCrowd.open(t, FEW);
  const givenUp = await StuckCrowd.open(t, FEW);
  const reborn = await StuckCrowd.open(t, TUPLES, { clientPort: 50_000 });
  const before = [staying, healed, killed, givenUp, reborn];
  const brief = await StuckCrowd.open(t, FEW);
  const fresh = await StuckCrowd.open(t, FEW);
  const crowd = await StuckCrowd.open(t, CROWD);
  await givenUp.load.setClientSysctl('net.ipv4.tcp_retries2', 5);
  for (const group of before) {
    await group.blackHole();
  }
  for (const group of before) {
    await group.untilOpen(stuckd);
    await group.untilOwned(stuckd);
    group.assertAllTold(stuckd);
  }
  const firstLife = reborn.openIn(stuckd).map(({ id }) => id);

  const stoppedMs = performance.now();
  process.kill(pid, 'SIGSTOP');
  try {
    await Promise.all([fresh.blackHole(), brief.blackHole(), crowd.blackHole()]);
    await Promise.all([fresh.untilCrossed(), brief.untilCrossed()]);
    await Promise.all([healed.heal(), brief.heal(), killed.load.killClients()]);
    await reborn.load.replaceClients();
    await reborn.load.heal();
    await reborn.load.open(TUPLES);
    await reborn.blackHole();
    await reborn.untilCrossed();
    await givenUp.untilTimedOut();
    await crowd.untilCrossed();
    await crowd.load.killClients();
    await waitFor(() => performance.now() >= stoppedMs + STOPPED_MS, { what: 'half a minute' });
  } finally {
    process.kill(pid, 'SIGCONT');
  }

  await stuckd.sweepFromNow();
  // Those of the first life first: as long as some are open, there seem to be enough of the second.
  await waitFor(() => reborn.openIn(stuckd).every(({ id }) => !firstLife.includes(id)), {
    what: 'the first life to end',
  });
  for (const group of [staying, fresh, reborn]) {
    await group.untilOpen(stuckd);
    await group.untilOwned(stuckd);
    group.assertAllTold(stuckd);
  }
  for (const group of [healed, killed, givenUp, brief, crowd]) {
    await group.untilOpen(stuckd, 0);
  }
  assert.deepEqual(stuckd.story.contradictions, []);
  assert.equal(stuckd.story.lost, 0, 'the subscriber was told everything');

  assert.deepEqual(healed.outcomesIn(stuckd), { recovered: FEW });
  assert.deepEqual(brief.outcomesIn(stuckd), { recovered: FEW });
  assert.deepEqual(killed.outcomesIn(stuckd), { owner_exited: FEW });
  assert.deepEqual(givenUp.outcomesIn(stuckd), { timed_out: FEW });
  assert.deepEqual(reborn.outcomesIn(stuckd), { owner_exited: TUPLES });
  assert.ok(reborn.openIn(stuckd).every(({ id }) => !firstLife.includes(id)));
  for (const { forecastError } of givenUp.endedIn(stuckd)) {
    assert.ok(Math.abs(Number.parseFloat(forecastError ?? 'NaN')) * 1000 <= kernelLatenessMs(), forecastError);
  }

  const dropped = (await stuckd.status()).sensor?.ringBufferDrops?.toNumber() ?? 0;
  assert.ok(dropped > 0, 'the queue of the sensor was full');
  assert.equal(await droppedAt(stuckd, 'ring_buffer'), dropped);
  const { owner_exited: seen = 0, lost_track: unseen = 0 } = crowd.outcomesIn(stuckd);
  assert.equal(seen + unseen, CROWD);
  assert.ok(unseen <= dropped, `${unseen} ends were not seen, ${dropped} events were dropped`);
  assert.ok(residentPeakKib(sensorPid) < SENSOR_MAX_KIB, `the sensor took ${residentPeakKib(sensorPid)} KiB`);
  assert.equal(await stuckd.sensorPid(), sensorPid, 'the sensor was not started anew');
  await waitFor(async () => (await fetch(`${stuckd.httpOrigin}/readyz`)).ok, { what: 'a daemon that is ready' });
});
