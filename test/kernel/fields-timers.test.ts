// Proves that the sensor reads both timers of a socket from where this kernel has them (core_compat.bpf.h), in the states
// that arm them: /proc/net/tcp tells which timer is armed and how long it still runs, in ticks of 1/100 s.
// It cannot prove a branch that this kernel does not take: run it on each kernel of the matrix.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { pastJiffies32Us, tickUs, timerExpiryUs } from '../../daemon/core/kernel-time.js';
import { type KernelTimer, PENDING, type SocketSnapshot } from '../../daemon/core/snapshot.js';
import { atOnce } from '../support/at-once.js';
import { connectField, FIELD_PORT, type FieldStage, setFieldStage } from '../support/field-stage.js';
import { type ProcTcpRow, sandwich, type Sandwich, type SocketUnderTest } from '../support/kernel-word.js';
import { CLIENT_ADDRESS, type Ending, labSkipReason, SERVER_ADDRESS, waitFor } from '../support/lab.js';
import { NEEDS_BPF, notPolled } from '../support/sensor-mode.js';
import { sharedSensor } from '../support/sensor-under-test.js';
import { suiteEnding } from '../support/suite-ending.js';

const skip = notPolled(NEEDS_BPF.members) || labSkipReason();

/** Far from every other time that a timer of these sockets could stand at. */
const KEPT_ALIVE = 'keepalive=1 idle=1000 intvl=70 cnt=100';
const PROC_TIMER = { WRITE: 1, KEEPALIVE: 2, WINDOW_PROBE: 4 } as const;
const CLOCK_TICKS_PER_S = 100;

type TimerName = 'writeTimer' | 'keepaliveTimer';

/** Nothing was sent, received or armed between two snapshots that agree on this. */
function activityOf(snapshot: SocketSnapshot): string {
  const timers = [snapshot.writeTimer.expiresJiffies32, snapshot.keepaliveTimer.expiresJiffies32];
  const counters = [snapshot.segsOut, snapshot.retransmits, snapshot.backoff, snapshot.probesOut];
  return [...timers, ...counters, snapshot.rcvTstampJiffies32].join(' ');
}

/** /proc/net/tcp while this timer runs. */
function whileRunning(socket: SocketUnderTest, timer: number): () => ProcTcpRow | undefined {
  return () => {
    const row = socket.proc();
    return row.timer === timer && row.whenTicks > 0 ? row : undefined;
  };
}

function leftTicks(snapshot: SocketSnapshot, timer: TimerName, hz: number): number {
  const jiffies = (snapshot[timer].expiresJiffies32 - snapshot.jiffies) | 0;
  return Math.max(0, Math.floor((jiffies * CLOCK_TICKS_PER_S) / hz));
}

/** What /proc says lies between what the two snapshots say, one taken before and one after it. */
function assertExpiry({ before, word, after }: Sandwich<ProcTcpRow>, timer: TimerName, hz: number): void {
  const [least, most] = [leftTicks(after, timer, hz), leftTicks(before, timer, hz)];
  const said = `${timer} runs for ${String(least)} to ${String(most)} ticks, /proc says ${String(word.whenTicks)}`;
  assert.ok(least <= word.whenTicks && word.whenTicks <= most, said);
}

/** `calc_index()` of kernel/time/timer.c: the slot follows from the expiry and the level, both in the same timer_list. */
function assertSlot({ pending, flags, expiresJiffies32 }: KernelTimer): void {
  assert.ok(pending);
  const [level, slot] = [flags >>> 28, (flags >>> 22) & 63];
  assert.ok(level <= 8, `level ${String(level)} of the wheel`);
  assert.equal(slot, ((expiresJiffies32 >>> (3 * level)) + 1) & 63);
}

/** A stage with two connections, of which one has SO_KEEPALIVE. */
async function connectBoth(ending: Ending): Promise<{
  stage: FieldStage;
  plain: SocketUnderTest;
  kept: SocketUnderTest;
}> {
  const stage = await setFieldStage(ending);
  const plain = await connectField(stage, 'plain');
  const kept = await connectField(stage, 'kept', KEPT_ALIVE);
  return { stage, plain, kept };
}

describe('timers', { skip, concurrency: atOnce(4) }, () => {
  const sensor = sharedSensor();

  describe('of an idle connection', () => {
    const ending = suiteEnding();
    let plain: SocketUnderTest;
    let kept: SocketUnderTest;
    before(async () => {
      ({ plain, kept } = await connectBoth(ending));
    });

    test('write timer, pending flag: off', async () => {
      for (const socket of [plain, kept]) {
        // The timer of the SYN stays in the wheel until it has run.
        const isOff = async (): Promise<boolean> => !(await sensor().snapshot(socket.cookie)).writeTimer.pending;
        await waitFor(isOff, { what: `no write timer of ${socket.id}` });
      }
    });

    test('keepalive timer, pending flag: on with SO_KEEPALIVE, off without', async () => {
      assert.equal((await sensor().snapshot(plain.cookie)).keepaliveTimer.pending, false);
      assert.equal((await sensor().snapshot(kept.cookie)).keepaliveTimer.pending, true);
    });

    test('keepalive timer, expiry and slot', async () => {
      const rest = await sandwich(sensor(), kept, activityOf, whileRunning(kept, PROC_TIMER.KEEPALIVE));
      assertExpiry(rest, 'keepaliveTimer', sensor().hz);
      assertSlot(rest.after.keepaliveTimer);
    });
  });

  describe('while retransmitting', () => {
    const ending = suiteEnding();
    let plain: SocketUnderTest;
    let kept: SocketUnderTest;
    before(async () => {
      const { stage, ...sockets } = await connectBoth(ending);
      ({ plain, kept } = sockets);
      await stage.hosts.link.cut();
      for (const { id, localPort } of [plain, kept]) {
        await stage.client.command(`send ${id} 100`);
        await sensor().waitEvent(stage.hosts.client.inode, localPort, 'retransmit');
      }
    });

    test('write timer, expiry and slot', async () => {
      for (const socket of [plain, kept]) {
        const rest = await sandwich(sensor(), socket, activityOf, whileRunning(socket, PROC_TIMER.WRITE));
        assert.equal(rest.after.pending, PENDING.RETRANS);
        assertExpiry(rest, 'writeTimer', sensor().hz);
        assertSlot(rest.after.writeTimer);
      }
    });

    test('write timer, pending flag: on', async () => {
      const ask = whileRunning(plain, PROC_TIMER.WRITE);
      const { before, after } = await sandwich(sensor(), plain, activityOf, ask);
      assert.deepEqual([before.writeTimer.pending, after.writeTimer.pending], [true, true]);
    });

    test('keepalive timer, pending flag: on with SO_KEEPALIVE, off without', async () => {
      assert.equal((await sensor().snapshot(plain.cookie)).keepaliveTimer.pending, false);
      assert.equal((await sensor().snapshot(kept.cookie)).keepaliveTimer.pending, true);
    });
  });

  // One after the other: the last one cuts the link.
  describe('while the window is closed', { concurrency: 1 }, () => {
    const ending = suiteEnding();
    let stage: FieldStage;
    let socket: SocketUnderTest;
    let closedAfterUs: number;
    before(async () => {
      stage = await setFieldStage(ending, 'mode=silent rcvbuf=65536');
      socket = await connectField(stage, 'a', KEPT_ALIVE);
      closedAfterUs = (await stage.client.command('send a 400000')).monoUs;
    });

    test('write timer as window probe, expiry and slot', async () => {
      const rest = await sandwich(sensor(), socket, activityOf, whileRunning(socket, PROC_TIMER.WINDOW_PROBE));
      assert.deepEqual([rest.after.pending, rest.after.packetsOut], [PENDING.PROBE0, 0]);
      assertExpiry(rest, 'writeTimer', sensor().hz);
      assertSlot(rest.after.writeTimer);
    });

    test('icsk_probes_tstamp: when the first probe was due', async () => {
      const snapshot = await waitFor(
        async () => {
          const now = await sensor().snapshot(socket.cookie);
          return now.probesTstampJiffies32 === 0 ? undefined : now;
        },
        { what: 'a window probe' },
      );
      const { ticks } = sensor();
      const probedUs = pastJiffies32Us(snapshot.probesTstampJiffies32, snapshot, ticks);
      const story = `closed after ${String(closedAfterUs)}, probed ${String(probedUs)}, seen ${String(snapshot.monoUs)}`;
      // When a jiffy began is known to less than one of them.
      assert.ok(closedAfterUs - tickUs(ticks) <= probedUs && probedUs <= snapshot.monoUs + tickUs(ticks), story);
    });

    test('icsk_probes_out and icsk_backoff', async () => {
      await stage.hosts.link.cut();
      const rest = await sandwich(sensor(), socket, activityOf, async () => {
        const [row, info] = [socket.proc(), await socket.info()];
        return row.probes < 2 ? undefined : [row.probes, info.u8(3), info.u8(4)];
      });
      assert.deepEqual(rest.word, [rest.after.probesOut, rest.after.probesOut, rest.after.backoff]);
    });
  });

  test('the event of the keepalive timer: the socket is computed from the timer', async (t) => {
    const stage = await setFieldStage(t);
    await sensor().pass('sweep'); // the sensor learns from the first socket which timers are keepalive timers
    // The timer of the SYN leaves the wheel after a second: it must not be the one that is seen.
    const socket = await connectField(stage, 'a', 'keepalive=1 idle=2 intvl=1 cnt=100');
    await stage.hosts.link.cut();
    const netns = stage.hosts.client.inode;
    const event = await sensor().waitEvent(netns, socket.localPort, 'keepalive');
    const { hz, ticks } = sensor();
    assert.deepEqual(event.local, { address: CLIENT_ADDRESS, port: socket.localPort });
    assert.deepEqual(event.remote, { address: SERVER_ADDRESS, port: FIELD_PORT });
    assert.deepEqual([event.netns, event.cookie, event.state], [netns, socket.cookie, 1]);
    assert.deepEqual([event.untrusted, event.keepalive, event.probesOut], [true, true, 1]);
    assert.deepEqual(
      [event.keepaliveTimeJiffies, event.keepaliveIntvlJiffies, event.keepaliveProbes],
      [2 * hz, hz, 100],
    );
    // The timer has left the wheel, and was not early.
    assert.equal(event.keepaliveTimer.pending, false);
    assert.ok(timerExpiryUs(event.keepaliveTimer, event, ticks) <= event.monoUs + tickUs(ticks));
    assert.ok(timerExpiryUs(event.keepaliveTimer, event, ticks) >= event.monoUs - 60_000_000);
  });
});
