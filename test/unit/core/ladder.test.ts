// Proves that a ladder tells the transmissions that were and those that are to come as the kernel's own arithmetic has them,
// and the end as it is forecast. The truth is a replay of this arithmetic from the first transmission on, so it cannot prove
// that it is the kernel's; the kernel tests of the forecast do.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { jiffyStartUs, tickClock } from '../../../daemon/core/jiffies.js';
import { ladderOf, type LadderStep } from '../../../daemon/core/ladder.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { armJiffy } from '../../../daemon/core/timer-wheel.js';
import { BASE_JIFFIES, ending, Moment } from './give-up-sockets.js';

function ladder(moment: Moment, socket: SocketSnapshot, nowUs = moment.monoUs): readonly LadderStep[] {
  return ladderOf({ socket, closedUs: null, kernel: moment.kernel, clock: moment.clock }, nowUs);
}

function kinds(steps: readonly LadderStep[]): string {
  return steps.map(({ kind, ordinal }) => (kind === 'give_up' ? 'end' : `${kind} ${ordinal}`)).join(', ');
}

/** Seconds from the moment, of the steps of one kind. */
function seconds(moment: Moment, steps: readonly LadderStep[], kind: LadderStep['kind']): number[] {
  return steps.filter((step) => step.kind === kind).map(({ timeUs }) => (timeUs - moment.monoUs) / 1e6);
}

interface Episode {
  readonly hz: number;
  readonly rtoS: number;
  readonly retransmits: number;
  /** RTOs that do not double. */
  readonly linear?: number;
  readonly facts?: Partial<SocketSnapshot>;
}

/** A socket half a second of a tick after its newest RTO, and when its RTOs fired. */
function afterRtos({ hz, rtoS, retransmits, linear = 0, facts = {} }: Episode): {
  moment: Moment;
  socket: SocketSnapshot;
  firedUs: number[];
} {
  const fired: number[] = [];
  let rto = Math.round(rtoS * hz);
  let jiffy = armJiffy(BASE_JIFFIES, rto);
  for (let count = 1; count <= retransmits; count++) {
    fired.push(jiffy);
    rto = count <= linear ? rto : Math.min(2 * rto, 120 * hz);
    jiffy = count === retransmits ? jiffy : armJiffy(jiffy, rto);
  }
  const last = fired.at(-1) ?? BASE_JIFFIES;
  const moment = new Moment(hz, last - BASE_JIFFIES);
  const ticks = tickClock(moment.kernel, moment.clock);
  const firedUs = fired.map((each) => jiffyStartUs(each, ticks));
  const firstAgoS = (moment.monoUs - (firedUs[0] ?? 0)) / 1e6;
  const socket = moment.socket(rto / hz, {
    retransmits,
    backoff: Math.max(0, retransmits - linear),
    totalRto: retransmits,
    srttUs: 1000,
    rttvarUs: Math.round(rtoS * 1e6) - 1000,
    retransStamp: moment.stampMs(firstAgoS),
    rtoStampMs: moment.stampMs(firstAgoS),
    writeTimer: moment.timer(rto),
    ...facts,
  });
  return { moment, socket, firedUs };
}

describe('retransmissions', () => {
  const table: readonly (readonly [string, Episode])[] = [
    ['of the default', { hz: 250, rtoS: 0.204, retransmits: 4 }],
    ['late in a long episode', { hz: 250, rtoS: 0.204, retransmits: 13 }],
    ['at HZ 1000', { hz: 1000, rtoS: 0.201, retransmits: 9 }],
    ['at HZ 100', { hz: 100, rtoS: 0.21, retransmits: 6 }],
    ['of a slow path', { hz: 250, rtoS: 3, retransmits: 5 }],
    ['of a kernel without rto_stamp', { hz: 250, rtoS: 0.204, retransmits: 6, facts: { hasRtoStamp: false } }],
    ['of a thin stream', { hz: 250, rtoS: 0.204, retransmits: 5, linear: 6, facts: { thinLto: true } }],
    ['of a SYN', { hz: 250, rtoS: 1, retransmits: 7, linear: 4, facts: { state: TCP_STATE.SYN_SENT } }],
    ['of an orphan', { hz: 250, rtoS: 0.204, retransmits: 5, facts: { dead: true, state: TCP_STATE.FIN_WAIT1 } }],
    ['that the limit as it is now would not have allowed', { hz: 250, rtoS: 0.204, retransmits: 9 }],
  ];
  for (const [name, episode] of table) {
    test(name, () => {
      const { moment, socket, firedUs } = afterRtos(episode);
      const steps = ladder(moment, socket);
      const past = steps.filter(({ kind }) => kind === 'past');
      assert.deepEqual(
        past.map(({ ordinal }) => ordinal),
        firedUs.map((_, index) => index + 1),
      );
      for (const [index, { timeUs }] of past.entries()) {
        const errorUs = Math.abs(timeUs - (firedUs[index] ?? 0));
        assert.ok(errorUs <= 1000, `${index + 1}: ${errorUs} us`);
      }
      const { timeUs, latestTimeUs, retransmitsLeft } = ending(moment, socket);
      assert.equal(steps.at(-1)?.timeUs, latestTimeUs ?? timeUs);
      const next = steps.filter(({ kind }) => kind === 'next');
      assert.equal(next.length, retransmitsLeft - (latestTimeUs === null ? 0 : 1));
      assert.equal(next[0]?.ordinal, episode.retransmits + 1);
      assert.deepEqual(
        steps,
        [...steps].sort((a, b) => a.timeUs - b.timeUs),
      );
    });
  }

  test('what was due before now is past, even if nobody reported it', () => {
    const { moment, socket } = afterRtos({ hz: 250, rtoS: 0.204, retransmits: 4 });
    const steps = ladder(moment, socket, moment.monoUs + 5e6);
    assert.equal(kinds(steps.slice(0, 6)), 'past 1, past 2, past 3, past 4, past 5, next 6');
  });

  test('inside the timer the newest one is now', () => {
    const { moment, socket } = afterRtos({ hz: 250, rtoS: 0.204, retransmits: 4 });
    const inside: SocketSnapshot = {
      ...socket,
      cause: 'retransmit',
      pending: PENDING.NONE,
      caState: 4,
      rtoJiffies: socket.rtoJiffies / 2,
      backoff: 3,
      writeTimer: { ...socket.writeTimer, pending: false },
    };
    const times = (each: SocketSnapshot): number[] => ladder(moment, each).map(({ timeUs }) => timeUs);
    assert.deepEqual(times(inside), times(socket));
  });

  test('a timer that the user timeout cut short does not tell when the last one was', () => {
    const { moment, socket, firedUs } = afterRtos({ hz: 250, rtoS: 0.204, retransmits: 6 });
    const cut = { ...socket, userTimeoutMs: 15_000, writeTimer: moment.timer(Math.round(2.35 * 250)) };
    const steps = ladder(moment, cut);
    assert.equal(kinds(steps.slice(0, 6)), 'past 1, past 2, past 3, past 4, past 5, past 6');
    assert.ok(Math.abs((steps[5]?.timeUs ?? 0) - (firedUs[5] ?? 0)) <= 4000);
  });

  test('where the RTO changed on the way only the first and the last are told', () => {
    const { moment, socket } = afterRtos({ hz: 250, rtoS: 0.204, retransmits: 6 });
    const steps = ladder(moment, { ...socket, rtoStampMs: moment.stampMs(60), retransStamp: moment.stampMs(60) });
    assert.equal(kinds(steps.filter(({ kind }) => kind === 'past')), 'past 1, past 6');
    assert.ok(Math.abs((seconds(moment, steps, 'past')[0] ?? 0) + 60) < 0.01);
  });

  test('an unreachable neighbour fires timers ahead of their time: only the next one is told, and a window', () => {
    const { moment, socket } = afterRtos({ hz: 250, rtoS: 0.204, retransmits: 9, facts: { skErrSoft: 113 } });
    const steps = ladder(moment, { ...socket, backoff: 3, rtoJiffies: 408, writeTimer: moment.timer(408) });
    assert.equal(kinds(steps), 'past 1, past 9, next 10, end, end');
  });

  test('a tick that may be the last is an end, and no retransmission', () => {
    const { moment, socket } = afterRtos({ hz: 250, rtoS: 0.204, retransmits: 3 });
    const steps = ladder(moment, { ...socket, sysctls: { ...socket.sysctls, retries2: 3 } });
    assert.equal(kinds(steps), 'past 1, past 2, past 3, end, end');
  });

  test('however many there are, a bounded number is told, with the last ones among them', () => {
    const facts = { userTimeoutMs: 3_600_000, rtoMaxJiffies: 250 };
    const { moment, socket } = afterRtos({ hz: 250, rtoS: 1, retransmits: 100, facts });
    const steady = { ...socket, rtoJiffies: 250, writeTimer: moment.timer(250), backoff: 100 };
    const steps = ladder(moment, { ...steady, retransStamp: moment.stampMs(105), rtoStampMs: moment.stampMs(105) });
    assert.ok(steps.length <= 64, `${steps.length}`);
    assert.equal(steps.filter(({ kind, ordinal }) => kind === 'past' && ordinal === 100).length, 1);
    const next = steps.filter(({ kind }) => kind === 'next');
    assert.ok((next.at(-1)?.ordinal ?? 0) > 3000, 'the last one');
  });
});

describe('probes', () => {
  test('of keepalive: counted back from the timer, and on to the count', () => {
    const moment = new Moment(250, 20);
    const socket = moment.idle(20, 10, 5, {
      probesOut: 2,
      keepaliveTimer: moment.timer(4 * 250),
      rcvTstampJiffies32: moment.jiffies32(36),
      lrcvtimeJiffies32: moment.jiffies32(36),
    });
    const steps = ladder(moment, socket);
    assert.equal(kinds(steps), 'past 1, past 2, next 3, next 4, next 5, end');
    assert.deepEqual(seconds(moment, steps, 'past').map(Math.round), [-16, -6]);
    assert.deepEqual(seconds(moment, steps, 'next').map(Math.round), [4, 14, 24]);
  });

  test('of a closed window', () => {
    const moment = new Moment(250, 3);
    const socket = moment.socket(0.204, {
      ...{ pending: PENDING.PROBE0, packetsOut: 0, sndUna: 1000, sndNxt: 1000, sndWnd: 0 },
      ...{ probesOut: 4, backoff: 4, writeTimer: moment.timer(51 * 16) },
    });
    const steps = ladder(moment, socket);
    assert.equal(kinds(steps.slice(0, 5)), 'past 1, past 2, past 3, past 4, next 5');
    const expected = [-2.856, -2.448, -1.632, 0];
    for (const [index, second] of seconds(moment, steps, 'past').entries()) {
      assert.ok(Math.abs(second - (expected[index] ?? 99)) < 0.2, `${index}: ${second}`);
    }
    assert.equal(steps.filter(({ kind }) => kind === 'next').length, 11);
  });
});

describe('no ladder', () => {
  const moment = new Moment(250, 3);
  const table: readonly (readonly [string, SocketSnapshot])[] = [
    ['where the kernel never gives up', moment.idle(20, 10, 5, { keepalive: false })],
    ['where no timer is to be seen', moment.idle(20, 10, 5, { keepaliveTimer: moment.socket(1).keepaliveTimer })],
    ['where the end is too far away', moment.socket(1, { userTimeoutMs: 2 ** 31 - 1, rtoMaxJiffies: 2 })],
  ];
  for (const [name, socket] of table) {
    test(name, () => {
      const giveUp = forecastGiveUp(socket, moment.kernel, moment.clock);
      assert.ok(giveUp === null || giveUp.never);
      assert.deepEqual(ladder(moment, socket), []);
    });
  }
});
