/**
 * Proves what happens when more connections are stuck than the daemon's heap has room for: those that were first stay, what
 * is told of the others is that they are not followed, the daemon lives, and when there is room again the next sweep brings
 * them, with the time since when they are stuck.
 *
 * The tables of the sensor are too large to be filled here: what finds no room in them is left to the tests of the daemon.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trackerRoom } from '../../daemon/tracker-room.js';
import { labSkipReason } from '../support/lab.js';
import { droppedAt, StuckCrowd } from '../support/stuck-crowd.js';
import { StuckdUnderTest } from '../support/stuckd.js';

/** For what lives on; Node.js adds three semi-spaces of 16 MiB for what is new. */
const HEAP_MIB = 64;
const ROOM = trackerRoom((HEAP_MIB + 3 * 16) * 1024 * 1024);
const FEW = 300;

test('more stuck connections than there is room for', { skip: labSkipReason() }, async (t) => {
  const stuckd = await StuckdUnderTest.start(t, { heapMib: HEAP_MIB });
  const first = await StuckCrowd.open(t, ROOM - FEW);
  const second = await StuckCrowd.open(t, 3 * FEW);
  await first.blackHole();
  await first.untilOpen(stuckd);
  await first.untilOwned(stuckd);

  await second.blackHole();
  await second.untilCrossed();
  await second.untilOpen(stuckd, FEW);
  await stuckd.sweepFromNow();
  assert.equal(second.openIn(stuckd).length, FEW, 'the others have no room');
  first.assertAllTold(stuckd);
  assert.ok((await droppedAt(stuckd, 'tracker')) >= 2 * FEW);
  const { problems, tracker } = await stuckd.status();
  assert.equal(tracker?.stuck, ROOM);
  assert.ok(problems.some((problem) => problem.startsWith('the table of observed connections was full')));

  await first.heal();
  await first.untilOpen(stuckd, 0);
  assert.deepEqual(first.outcomesIn(stuckd), { recovered: ROOM - FEW });
  await second.untilOpen(stuckd);
  await second.untilOwned(stuckd);
  second.assertAllTold(stuckd);
  assert.deepEqual(stuckd.story.contradictions, []);
});
