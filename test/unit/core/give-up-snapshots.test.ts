/**
 * Proves: a forecast is the same from whichever moment of a socket's life it is made, the timer's own handler included;
 * special cases of the model (bistable ticks, unreachable peers, probes, stamps in microseconds, limits already passed)
 * follow net/ipv4/tcp_timer.c; and where no timer can end the socket, none is invented.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { CA_STATE, PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { armJiffy } from '../../../daemon/core/timer-wheel.js';
import { BASE_JIFFIES, Moment, ending, seconds } from './give-up-sockets.js';

/** Tracepoints fire some microseconds into the tick. */
const HANDLER_US = 60;

interface Life {
  readonly name: string;
  readonly hz: number;
  readonly socket: (moment: Moment) => SocketSnapshot;
  /** RTO after the n-th retransmission, jiffies. */
  readonly backoff: (rtoJiffies: number, n: number) => number;
}

const doubling = (rtoJiffies: number): number => rtoJiffies * 2;

const LIVES: readonly Life[] = [
  {
    name: 'data',
    hz: 250,
    socket: (m) => m.socket(0.204),
    backoff: (rtoJiffies) => Math.min(rtoJiffies * 2, 30_000),
  },
  {
    name: 'data, HZ 1000',
    hz: 1000,
    socket: (m) => m.socket(0.201),
    backoff: (rtoJiffies) => Math.min(rtoJiffies * 2, 120_000),
  },
  {
    name: 'data with a user timeout',
    hz: 250,
    socket: (m) => m.socket(0.204, { userTimeoutMs: 30_000 }),
    backoff: doubling,
  },
  {
    name: 'orphan',
    hz: 250,
    socket: (m) => m.socket(0.204, { dead: true, state: TCP_STATE.LAST_ACK }),
    backoff: doubling,
  },
  {
    name: 'SYN',
    hz: 250,
    socket: (m) => m.connecting(),
    backoff: (rtoJiffies, n) => (n <= 4 ? rtoJiffies : rtoJiffies * 2),
  },
  {
    name: 'thin stream',
    hz: 250,
    socket: (m) => m.socket(0.204, { thinLto: true }),
    backoff: (rtoJiffies, n) => (n <= 6 ? 51 : Math.min(rtoJiffies * 2, 30_000)),
  },
];

for (const { name, hz, socket, backoff } of LIVES) {
  test(`${name}: inside the timer and between ticks the forecast is what it was at the start`, () => {
    for (let phase = 0; phase < 4096; phase += 509) {
      const start = new Moment(hz, phase);
      const fresh = socket(start);
      const expected = ending(start, fresh);
      let jiffy = armJiffy(start.jiffies, fresh.rtoJiffies);
      let rtoJiffies = fresh.rtoJiffies;
      const first = new Moment(hz, jiffy - BASE_JIFFIES);
      const retransStamp = fresh.retransStamp || Math.floor((first.monoUs + HANDLER_US) / 1000) >>> 0;
      for (let n = 1; n <= expected.retransmitsLeft; n++) {
        const now = new Moment(hz, jiffy - BASE_JIFFIES);
        const facts = { retransmits: n, totalRto: n, retransStamp, caState: CA_STATE.LOSS, rtoJiffies };
        const inside = socket(now);
        const during = ending(now, {
          ...inside,
          ...facts,
          ...{ cause: 'retransmit', pending: PENDING.NONE, backoff: n - 1 },
          monoUs: now.monoUs + HANDLER_US,
          // The timer is off the wheel; what is left in it must not be used.
          writeTimer: { pending: false, expiresJiffies32: 7, flags: 0xffff_ffff },
        });
        assert.deepEqual(during, { ...expected, retransmitsLeft: expected.retransmitsLeft - n });

        rtoJiffies = backoff(rtoJiffies, n);
        const passedMs = ((Math.floor((now.monoUs + HANDLER_US) / 1000) >>> 0) - retransStamp) >>> 0;
        const leftMs = inside.userTimeoutMs === 0 ? Infinity : inside.userTimeoutMs - passedMs;
        const delay = Math.min(rtoJiffies, Math.ceil((leftMs * hz) / 1000));
        const between = { ...inside, ...facts, rtoJiffies, backoff: n, writeTimer: now.timer(delay) };
        assert.deepEqual(ending(now, between), during);
        jiffy = armJiffy(jiffy, delay);
      }
      assert.equal(new Moment(hz, jiffy - BASE_JIFFIES).monoUs, expected.latestTimeUs ?? expected.timeUs);
    }
  });
}

test('a tail loss probe goes out first and is followed by a full RTO; inside it, the RTO runs from now', () => {
  const moment = new Moment(250, 1000);
  const rto = seconds(moment, moment.socket(0.204))[0];
  const waiting = moment.socket(0.204, { pending: PENDING.LOSS_PROBE });
  const sending: SocketSnapshot = {
    ...waiting,
    cause: 'retransmit',
    writeTimer: { ...waiting.writeTimer, pending: false },
  };
  assert.ok(seconds(moment, waiting)[0] >= rto);
  assert.equal(ending(moment, waiting).retransmitsLeft, 16);
  assert.equal(seconds(moment, sending)[0], rto);
  assert.equal(ending(moment, sending).retransmitsLeft, 15);
  const probe = new Moment(250, armJiffy(moment.jiffies, 51) - BASE_JIFFIES);
  assert.equal(ending(moment, waiting).timeUs, ending(probe, probe.socket(0.204)).timeUs);
});

test('the RACK timer opens the episode: the limit counts from it', () => {
  const moment = new Moment(250, 1000);
  const reordering = moment.socket(0.204, {
    pending: PENDING.REO_TIMEOUT,
    writeTimer: moment.timer(1),
    userTimeoutMs: 30_000,
  });
  assert.ok(Math.abs(seconds(moment, reordering)[0] - 30.1) < 0.2);
});

test('stamps in microseconds give the same end, with a jiffy of tolerance', () => {
  const moment = new Moment(250, 77);
  const facts = { retransmits: 3, backoff: 3, userTimeoutMs: 10_000 };
  const ms = moment.socket(1.632, { ...facts, retransStamp: moment.stampMs(1.4) });
  const us = { ...ms, usecStamps: true, retransStamp: Math.floor(moment.monoUs - 1_400_000) >>> 0 };
  assert.equal(ending(moment, us).timeUs, ending(moment, ms).timeUs);

  // The tick comes 10.000 s after the stamp, less 3 ms: expired only with the tolerance.
  const tick = { ...facts, writeTimer: { ...moment.timer(1), expiresJiffies32: (moment.jiffies - 1) >>> 0, flags: 0 } };
  const stamp = Math.floor(moment.monoUs - 9_997_000) >>> 0;
  assert.deepEqual(seconds(moment, moment.socket(1.632, { ...tick, usecStamps: true, retransStamp: stamp })), [
    0,
    null,
  ]);
  const late = seconds(moment, moment.socket(1.632, { ...tick, retransStamp: moment.stampMs(9.997) }));
  assert.ok(late[0] === 0 && late[1] !== null && late[1] > 0);
});

test('a tick less than 200 ms before the limit is given together with the next; one further away is not', () => {
  const moment = new Moment(250, 3);
  const at = (stampSecondsAgo: number): readonly [number, number | null] =>
    seconds(
      moment,
      moment.socket(1.632, {
        retransmits: 3,
        backoff: 3,
        retransStamp: moment.stampMs(stampSecondsAgo),
        sysctls: { ...moment.socket(1).sysctls, retries2: 3 },
      }),
    );
  // The tick comes 1.632 to 1.66 s from now, and the limit is 3 s after the stamp.
  const [early, late] = at(1.25);
  assert.ok(early > 1.6 && early < 1.7);
  assert.ok(late !== null && late > 4.9 && late < 5.3);
  assert.equal(at(1.1)[1], null);
  assert.ok(at(1.1)[0] > 4.9);
  assert.equal(at(1.5)[1], null);
  assert.ok(at(1.5)[0] < 1.7);
  // Before the first retransmission a tick just past the limit is as uncertain: that one may run late itself.
  const fresh = { sysctls: { ...moment.socket(1).sysctls, retries2: 3 }, rtoJiffies: moment.jiffiesOf(0.216) };
  const [first, second] = seconds(moment, moment.socket(0.216, fresh));
  assert.ok(first > 3.3 && first < 3.5 && second !== null && second > 6.8, `${first} ${second}`);
});

test('a limit that has passed ends the socket at its next tick, and never in the past', () => {
  const moment = new Moment(250, 11);
  // Closed by its process after five minutes: the RTO has reached its maximum, so that no retries are left.
  const orphan = moment.socket(120, { dead: true, state: TCP_STATE.FIN_WAIT1, retransmits: 10, backoff: 10 });
  const closed = { ...orphan, retransStamp: moment.stampMs(300) };
  assert.ok(seconds(moment, closed)[0] < 122.1);
  assert.equal(ending(moment, closed).retransmitsLeft, 0);
  const overdue = { ...closed, writeTimer: { pending: true, expiresJiffies32: moment.jiffies32(5), flags: 0 } };
  assert.equal(seconds(moment, overdue)[0], 0);
});

test('an orphan whose RTO has not reached its maximum has eight retries, or what the sysctl says', () => {
  const moment = new Moment(250, 11);
  const facts = { dead: true, state: TCP_STATE.FIN_WAIT1, retransmits: 2, backoff: 2, retransStamp: moment.stampMs(1) };
  const orphan = moment.socket(0.816, facts);
  assert.ok(seconds(moment, orphan)[0] > 90);
  const three = { ...orphan, sysctls: { ...orphan.sysctls, orphanRetries: 3 } };
  assert.ok(seconds(moment, three)[0] < 6);
  // With the RTO at its maximum none are left, unless the sysctl says so, and not even then after an ICMP error.
  const stuck = moment.socket(1, { ...facts, retransmits: 5, backoff: 5, rtoMaxJiffies: 250 });
  assert.ok(seconds(moment, stuck)[0] < 1.1);
  const twelve = { ...stuck, rtoMaxJiffies: 250, sysctls: { ...stuck.sysctls, orphanRetries: 12 } };
  assert.ok(seconds(moment, twelve)[0] > 9);
  assert.ok((seconds(moment, { ...twelve, skErrSoft: 113 })[1] ?? Infinity) < 1.1);
});

test('a peer that left its link: ticks every 3 s, so that the end follows the limit closely, with EHOSTUNREACH', () => {
  const moment = new Moment(250, 5);
  const socket = moment.socket(3.264, {
    ...{ retransmits: 40, backoff: 4, skErrSoft: 113 },
    retransStamp: moment.stampMs(120),
  });
  const giveUp = ending(moment, socket);
  const [first, last] = seconds(moment, socket);
  assert.ok(Math.abs(first - 804.6) < 0.01, `${first}`);
  assert.ok(last !== null && last > first + 3.2 && last < first + 3.6, `${last}`);
  assert.equal(giveUp.expectedError, 'EHOSTUNREACH');
  assert.equal(giveUp.reason, 'tcp_retries2');
  assert.equal(giveUp.retransmitsLeft, Math.ceil(804.6 / 3.07));
  const passed = ending(moment, { ...socket, retransStamp: moment.stampMs(930) });
  assert.equal(passed.timeUs, moment.monoUs);
  assert.equal(passed.retransmitsLeft, 0);
  // Measured: 926.06 s after the first transmission, which is inside the window.
  assert.ok(926.06 - 120.2 > first && 926.06 - 120.2 < last);
});

test('an ICMP error that took back no doubling leaves the backoff as the latest time', () => {
  const moment = new Moment(250, 5);
  const facts = { retransmits: 3, backoff: 3, retransStamp: moment.stampMs(1.4) };
  const silent = moment.socket(1.632, facts);
  const reported = ending(moment, { ...silent, skErrSoft: 101 });
  assert.equal(reported.latestTimeUs, ending(moment, silent).timeUs);
  assert.ok(Math.abs(reported.timeUs - moment.monoUs - 923.2e6) < 10_000);
  assert.equal(reported.expectedError, 'ENETUNREACH');
});

test('an ICMP error may fire a tick just before the limit: a whole RTO after the limit is still in the window', () => {
  const moment = new Moment(250, 5);
  const sysctls = { ...moment.socket(1).sysctls, retries2: 4 };
  const facts = { retransmits: 5, skErrSoft: 113, retransStamp: moment.stampMs(4.78), sysctls };
  const running = moment.socket(3.264, { ...facts, backoff: 5, writeTimer: moment.timer(moment.jiffiesOf(2.8)) });
  // Measured: the error came 1.35 s later and fired the sixth tick; the seventh was the last, 4.41 s after this moment.
  const [first, last] = seconds(moment, running);
  assert.ok(Math.abs(first - 1.42) < 0.01 && last !== null && last > 4.41 && last < 5, `${first} ${last}`);
  // Halved by an error, the RTO may expire once more in time, and doubles again.
  const halved = moment.socket(1.632, { ...facts, backoff: 3, writeTimer: moment.timer(moment.jiffiesOf(1)) });
  assert.equal(seconds(moment, halved)[1], last);
});

test('a user timeout that passed before the first retransmission ends the socket right after it', () => {
  const moment = new Moment(250, 0);
  const tick = armJiffy(moment.jiffies, 250);
  const giveUp = ending(moment, moment.connecting({ userTimeoutMs: 500 }));
  assert.equal(giveUp.timeUs, new Moment(250, tick + 2 - BASE_JIFFIES).monoUs);
  assert.equal(giveUp.retransmitsLeft, 1);
});

test('a stamp that was taken just after the edge of a millisecond is met by a handler that runs just after it too', () => {
  const first = new Moment(250, 0, 980);
  // Ticks after 102 and 204 more jiffies come first; the timeout is 60 jiffies after the second, so near that the
  // wheel has no bucket wide enough to hide a difference of one jiffy.
  const last = [102, 204].reduce((jiffy, delay) => armJiffy(jiffy, delay), first.jiffies);
  const userTimeoutMs = (last - first.jiffies + 60) * 4;
  const retransStamp = Math.floor((first.monoUs + HANDLER_US) / 1000) >>> 0;
  const socket = first.socket(0.408, { retransmits: 1, backoff: 1, userTimeoutMs, retransStamp });
  assert.equal(ending(first, socket).timeUs, new Moment(250, armJiffy(last, 60) - BASE_JIFFIES, 980).monoUs);
});

test('before 6.7 the linear phase of a SYN is counted in retransmissions', () => {
  const moment = new Moment(250, 0);
  const facts = { retransmits: 4, retransStamp: moment.stampMs(4) };
  const old = moment.connecting({ ...facts, hasRtoStamp: false });
  assert.deepEqual(ending(moment, old), ending(moment, moment.connecting({ ...facts, totalRto: 4 })));
  assert.notDeepEqual(ending(moment, old), ending(moment, moment.connecting({ ...facts, totalRto: 0 })));
});

test('the count of retransmissions is a byte: at 256 one tick passes without a look at the limit', () => {
  const moment = new Moment(250, 0);
  const facts = { backoff: 255, retransStamp: moment.stampMs(800) };
  const [wraps, stays] = [255, 200].map((retransmits) => ending(moment, moment.socket(120, { ...facts, retransmits })));
  assert.equal(stays?.retransmitsLeft, 1);
  assert.equal(wraps?.retransmitsLeft, 2);
});

test('a retransmission that an acknowledgment triggered leaves the queued timer in force', () => {
  const moment = new Moment(250, 0);
  const facts = { retransmits: 3, backoff: 3, caState: CA_STATE.LOSS, retransStamp: moment.stampMs(1.4) };
  const queued = moment.socket(1.632, facts);
  assert.deepEqual(ending(moment, { ...queued, cause: 'retransmit' }), ending(moment, queued));
});

test('inside a first retransmission, before its stamp is taken, the episode starts now', () => {
  const moment = new Moment(250, 0);
  const facts = { cause: 'retransmit', pending: PENDING.NONE, caState: CA_STATE.LOSS, retransmits: 1 } as const;
  assert.ok(Math.abs(seconds(moment, moment.socket(0.204, facts))[0] - 938) < 1.5);
});

test('no deadline: idle without keepalive, with the peer still there or half-closed', () => {
  const moment = new Moment(250, 0);
  for (const state of [TCP_STATE.ESTABLISHED, TCP_STATE.CLOSE_WAIT, TCP_STATE.FIN_WAIT2]) {
    const idle = moment.idle(10, 5, 9, { keepalive: false, state });
    assert.deepEqual(forecastGiveUp(idle, moment.kernel, moment.clock), { never: true });
  }
});

const UNKNOWN: readonly (readonly [string, (moment: Moment) => SocketSnapshot])[] = [
  ['closed', (m) => m.socket(0.204, { state: TCP_STATE.CLOSE })],
  ['listening', (m) => m.idle(10, 5, 9, { state: TCP_STATE.LISTEN })],
  ['TIME_WAIT', (m) => m.idle(10, 5, 9, { state: TCP_STATE.TIME_WAIT })],
  ['SYN_RECV', (m) => m.socket(1, { state: TCP_STATE.SYN_RECV })],
  ['SYN_SENT without its timer', (m) => m.connecting({ pending: PENDING.NONE })],
  ['data in flight without a timer', (m) => m.socket(0.204, { pending: PENDING.NONE })],
  [
    'corked: the persist timer without a closed window',
    (m) => m.socket(0.2, { pending: 3, packetsOut: 0, writeSeq: 9000 }),
  ],
  ['unsent data and no timer', (m) => m.idle(10, 5, 9, { writeSeq: 9000, keepalive: false })],
  ['orphan in FIN_WAIT2, whose keepalive timer is another one', (m) => m.idle(60, 5, 9, { dead: true, state: 5 })],
  [
    'keepalive without its timer',
    (m) => m.idle(10, 5, 9, { keepaliveTimer: { pending: false, expiresJiffies32: 0, flags: 0 } }),
  ],
  [
    'a user timeout of weeks in ticks of a second',
    (m) =>
      m.socket(0.204, { userTimeoutMs: 2 ** 31 - 1, rtoMaxJiffies: 250, retransmits: 5, retransStamp: m.stampMs(3) }),
  ],
];

for (const [name, socket] of UNKNOWN) {
  test(`not to be told: ${name}`, () => {
    const moment = new Moment(250, 0);
    assert.equal(forecastGiveUp(socket(moment), moment.kernel, moment.clock), null);
  });
}
