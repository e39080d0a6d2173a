/**
 * Proves that the times of past and coming retransmissions follow from one snapshot: the first RTO of an episode to
 * within the rounding of the timer wheel, the next one exactly. The truth is a replay of the kernel's own arithmetic, so
 * it cannot prove that this arithmetic is the kernel's; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jiffyStartUs, tickClock } from '../../../daemon/core/jiffies.js';
import { doublings, firstRtoUs, nextRetransmissionUs, runningRtoJiffies } from '../../../daemon/core/rto-ladder.js';
import { CA_STATE, PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { armJiffy } from '../../../daemon/core/timer-wheel.js';
import {
  clockAt,
  snapshotAt,
  TEST_KERNEL,
  type SnapshotFacts,
  type TestKernel,
} from '../../support/snapshot-builder.js';

interface Episode {
  readonly hz: number;
  readonly firstRto: number;
  readonly retransmits: number;
  readonly linear: number;
}

const episodes = fc.record({
  hz: fc.constantFrom(100, 250, 300, 1000),
  firstRto: fc.integer({ min: 20, max: 3000 }),
  retransmits: fc.integer({ min: 1, max: 14 }),
  linear: fc.constantFrom(0, 6),
});

/** The jiffies at which the RTOs of an episode fire, the first at jiffy 0 of the story. */
function replay({ hz, firstRto, retransmits, linear }: Episode, from: number): { fired: number[]; rto: number } {
  const fired = [from];
  let rto = firstRto;
  for (let count = 1; ; count++) {
    rto = count <= linear ? rto : Math.min(2 * rto, 120 * hz);
    if (count === retransmits) {
      return { fired, rto };
    }
    fired.push(armJiffy(fired.at(-1) ?? from, rto));
  }
}

/** A snapshot `lateJiffies` after the newest RTO of the episode. */
function observe(
  episode: Episode,
  facts: SnapshotFacts,
): { kernel: TestKernel; socket: SocketSnapshot; fired: number[] } {
  const kernel = { ...TEST_KERNEL, hz: episode.hz };
  const { fired, rto } = replay(episode, kernel.jiffies);
  const seconds = (jiffy: number): number => (jiffy - kernel.jiffies) / kernel.hz;
  const last = fired.at(-1) ?? 0;
  const socket = snapshotAt(kernel, seconds(last) + 0.5 / kernel.hz, {
    retransmits: episode.retransmits,
    pending: PENDING.RETRANS,
    caState: CA_STATE.LOSS,
    packetsOut: 1,
    writeTimerAt: seconds(last + rto) + 0.5 / kernel.hz,
    rtoSeconds: rto / kernel.hz,
    srttUs: (episode.firstRto * 1_000_000) / kernel.hz / 2,
    rttvarUs: (episode.firstRto * 1_000_000) / kernel.hz / 2,
    rtoMinJiffies: 1,
    thinLto: episode.linear > 0,
    ...facts,
  });
  return { kernel, socket, fired };
}

void test('without stamps the first RTO is found to within the rounding of the wheel, and never too early', () => {
  fc.assert(
    fc.property(episodes, (episode) => {
      const { kernel, socket, fired } = observe(episode, {});
      const ticks = tickClock(kernel, clockAt(kernel, 0));
      const tick = 1_000_000 / kernel.hz;
      const errorUs = firstRtoUs(socket, ticks) - jiffyStartUs(kernel.jiffies, ticks);
      const lengthUs = ((fired.at(-1) ?? 0) - kernel.jiffies) * tick;
      assert.ok(errorUs >= -2 * tick, `${errorUs} us too early`);
      assert.ok(errorUs <= lengthUs / 7 + episode.retransmits * tick + tick, `${errorUs} us of ${lengthUs} too late`);
    }),
  );
});

void test('retrans_stamp makes it exact where the first retransmission was that RTO', () => {
  fc.assert(
    fc.property(episodes, (episode) => {
      const { kernel, socket } = observe(episode, { retransAt: 0, usecStamps: true });
      const ticks = tickClock(kernel, clockAt(kernel, 0));
      assert.equal(firstRtoUs(socket, ticks), kernel.monoUs);
    }),
  );
});

void test('a fast retransmission long before is not taken for the first RTO', () => {
  const episode = { hz: 250, firstRto: 51, retransmits: 3, linear: 0 };
  const { kernel, socket } = observe(episode, { retransAt: -0.5 });
  const ticks = tickClock(kernel, clockAt(kernel, 0));
  assert.ok(Math.abs(firstRtoUs(socket, ticks) - kernel.monoUs) < 100_000);
});

void test('rto_stamp is believed, and one of 0 is none', () => {
  const episode = { hz: 250, firstRto: 51, retransmits: 3, linear: 0 };
  const stamped = observe(episode, { firstRtoAt: -0.7 });
  const ticks = tickClock(stamped.kernel, clockAt(stamped.kernel, 0));
  assert.equal(firstRtoUs(stamped.socket, ticks), stamped.kernel.monoUs - 700_000);
  const unstamped = observe(episode, { firstRtoAt: null });
  assert.ok(Math.abs(firstRtoUs(unstamped.socket, ticks) - unstamped.kernel.monoUs) < 100_000);
});

void test('inside the RTO timer the RTO counts as backed off, and the newest RTO is now', () => {
  const facts: SnapshotFacts = { cause: 'retransmit', pending: PENDING.NONE, caState: CA_STATE.LOSS, retransmits: 3 };
  const socket = snapshotAt(TEST_KERNEL, 1.428, { ...facts, rtoSeconds: 0.816 });
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  assert.equal(runningRtoJiffies(socket, 250), 408);
  assert.equal(firstRtoUs(socket, ticks), TEST_KERNEL.monoUs + 204_000);
});

void test('the first SYN retransmissions are one RTO apart', () => {
  const socket = snapshotAt(TEST_KERNEL, 5, {
    state: TCP_STATE.SYN_SENT,
    pending: PENDING.RETRANS,
    retransmits: 6,
    rtoSeconds: 4,
    writeTimerAt: 11,
    srttUs: 0,
  });
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  // 1, 2, 3, 4, 5 and 7 s; the next at 11 s.
  assert.equal(firstRtoUs(socket, ticks), TEST_KERNEL.monoUs + 1_000_000);
});

void test('the next retransmission at or after any instant is one that the replay has', () => {
  fc.assert(
    fc.property(episodes, fc.nat(2000), ({ hz, firstRto, retransmits }, waitSeconds) => {
      const { kernel, socket } = observe({ hz, firstRto, retransmits, linear: 0 }, {});
      const ticks = tickClock(kernel, clockAt(kernel, 0));
      const all = replay({ hz, firstRto, retransmits: retransmits + 40, linear: 0 }, kernel.jiffies).fired;
      const fromUs = socket.monoUs + waitSeconds * 1_000_000;
      const expected = all.map((jiffy) => jiffyStartUs(jiffy, ticks)).find((us) => us >= fromUs);
      const nextUs = nextRetransmissionUs(socket, fromUs, ticks);
      assert.ok(nextUs !== null && expected !== undefined);
      // At the longest timeout the first steps after a shorter one are rounded differently, by one bucket.
      assert.ok(Math.abs(nextUs - expected) <= (130 * 1_000_000) / 8, `${nextUs} for ${expected}`);
      assert.ok(nextUs >= fromUs);
    }),
  );
});

void test('nothing is expected where no retransmission timer runs', () => {
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  const next = (facts: SnapshotFacts): number | null =>
    nextRetransmissionUs(snapshotAt(TEST_KERNEL, 1, facts), 0, ticks);
  assert.equal(next({}), null);
  assert.equal(next({ pending: PENDING.PROBE0, writeTimerAt: 2 }), null);
  assert.equal(next({ pending: PENDING.RETRANS }), null);
  assert.notEqual(next({ pending: PENDING.RETRANS, writeTimerAt: 2 }), null);
});

test('how often the RTO has doubled: what kernels before 6.5 do not count behind a shrunk window is in the RTO', () => {
  const ticks = tickClock(TEST_KERNEL, clockAt(TEST_KERNEL, 0));
  const doubled = (rtoSeconds: number, backoff: number): number =>
    doublings(snapshotAt(TEST_KERNEL, 0, { rtoSeconds, backoff, srttUs: 1000 }), ticks);
  assert.deepEqual([doubled(0.204, 0), doubled(0.816, 0), doubled(1.632, 3), doubled(1.632, 0)], [0, 2, 3, 3]);
  assert.equal(doubled(120, 12), 12, 'at the limit the backoff goes on counting');
});
