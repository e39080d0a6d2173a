/**
 * Proves that events which find the ring buffer full are made up for. The sensor is stopped while more connections get stuck
 * than the ring buffer holds events; then those that were known are killed, healed or given up, of which no event tells.
 * Nothing is missing in the end, nothing is told twice, and nothing that is over stays open. No pass that comes by the clock
 * could tell the latter: what was lost is counted, and that alone has everything looked at.
 *
 * It cannot prove anything of sockets that get stuck and recover between two looks while events are lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labSkipReason } from '../support/lab.js';
import { droppedAt, StuckCrowd } from '../support/stuck-crowd.js';
import { StuckdUnderTest } from '../support/stuckd.js';
import { waitFor } from '../support/wait-for.js';

/** The ring buffer holds some 6,000 events. */
const CROWD = 8000;
const FEW = 200;

test(
  'a sensor that stands still while more events come than its ring buffer holds',
  { skip: labSkipReason() },
  async (t) => {
    const stuckd = await StuckdUnderTest.start(t, { sensor: { fullRefreshInterval: '1h' } });
    const sensorPid = await stuckd.sensorPid();
    const crowd = await StuckCrowd.open(t, CROWD);
    const killed = await StuckCrowd.open(t, FEW);
    const healed = await StuckCrowd.open(t, FEW);
    const givenUp = await StuckCrowd.open(t, FEW);
    const known = [killed, healed, givenUp];
    await givenUp.load.setClientSysctl('net.ipv4.tcp_retries2', 5);
    for (const group of known) {
      await group.blackHole();
    }
    for (const group of known) {
      await group.untilOpen(stuckd);
      await group.untilOwned(stuckd);
      group.assertAllTold(stuckd);
    }

    process.kill(sensorPid, 'SIGSTOP');
    try {
      await crowd.blackHole();
      await crowd.untilCrossed();
      await killed.load.killClients();
      await healed.heal();
      await givenUp.untilTimedOut();
    } finally {
      process.kill(sensorPid, 'SIGCONT');
    }

    await crowd.untilOpen(stuckd);
    await crowd.untilOwned(stuckd);
    crowd.assertAllTold(stuckd);
    for (const group of known) {
      await group.untilOpen(stuckd, 0);
    }
    assert.deepEqual(healed.outcomesIn(stuckd), { recovered: FEW });
    assert.deepEqual(givenUp.outcomesIn(stuckd), { timed_out: FEW });
    assert.deepEqual(killed.outcomesIn(stuckd), { lost_track: FEW }, 'nothing is left that could tell more');

    const status = await stuckd.status();
    const dropped = status.sensor?.ringBufferDrops?.toNumber() ?? 0;
    assert.ok(dropped > FEW, `only ${dropped} events were dropped`);
    assert.equal(await droppedAt(stuckd, 'ring_buffer'), dropped);
    assert.ok(status.problems.some((problem) => problem.includes(`the kernel dropped ${dropped} events`)));
    assert.equal(status.sensor?.restarts ?? 0, 0);
    assert.deepEqual(stuckd.story.contradictions, []);
    await waitFor(async () => (await stuckd.status()).tracker?.stuck === CROWD, { what: 'the daemon to agree' });
  },
);
