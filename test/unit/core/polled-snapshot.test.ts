/**
 * Proves: what sock_diag tells of a socket makes the forecast that BPF makes of it, at any moment of its life, for data,
 * SYNs, orphans, keepalive and window probes; with or without the time in RTOs that Linux 6.7 tells; also where the answer is
 * read a little late. Settings that sock_diag does not tell are named as unknown, learnt where timers betray them, kept where
 * BPF had read them. It cannot prove that a kernel fills in sock_diag as `polledOf` does; the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { tickClock } from '../../../daemon/core/jiffies.js';
import { inSequenceSpaceOf, snapshotOfPolled } from '../../../daemon/core/polled-snapshot.js';
import type { PolledSocket } from '../../../daemon/core/polled-socket.js';
import type { GiveUp } from '../../../daemon/core/record.js';
import { CA_STATE, PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { armJiffy, queuedTimer } from '../../../daemon/core/timer-wheel.js';
import { whatIf, type WhatIfSettings } from '../../../daemon/core/what-if.js';
import { INFO_SIZE, polledOf } from '../../support/polled-builder.js';
import { BASE_JIFFIES, ending, Moment } from './give-up-sockets.js';

const HANDLER_US = 60;
const PHASES = [0, 509, 1777, 4095];

function ticksOf(moment: Moment): ReturnType<typeof tickClock> {
  return tickClock(moment.kernel, moment.clock);
}

function polledAt(
  moment: Moment,
  socket: SocketSnapshot,
  previous: SocketSnapshot | null = null,
  changes: Partial<PolledSocket> = {},
): SocketSnapshot {
  return snapshotOfPolled(polledOf(socket, moment.kernel.hz, changes), previous, ticksOf(moment));
}

function withoutSuppositions(giveUp: GiveUp | null): object | null {
  return giveUp === null ? null : { ...giveUp, supposes: undefined };
}

function assertSameForecast(moment: Moment, polled: SocketSnapshot, read: SocketSnapshot, what: string): void {
  const [a, b] = [polled, read].map((socket) => forecastGiveUp(socket, moment.kernel, moment.clock));
  assert.deepEqual(withoutSuppositions(a ?? null), withoutSuppositions(b ?? null), what);
}

interface Life {
  readonly name: string;
  readonly socket: (moment: Moment) => SocketSnapshot;
  readonly backoff: (rtoJiffies: number, n: number, hz: number) => number;
}

const doubling = (rtoJiffies: number, _n: number, hz: number): number => Math.min(rtoJiffies * 2, 120 * hz);

const LIVES: readonly Life[] = [
  { name: 'data', socket: (m) => m.socket(0.25), backoff: doubling },
  { name: 'data after a long round trip', socket: (m) => m.socket(0.5, { srttUs: 280_000 }), backoff: doubling },
  { name: 'an orphan', socket: (m) => m.socket(0.25, ORPHAN), backoff: doubling },
  {
    name: 'SYN',
    socket: (m) => m.connecting({ srttUs: 0, rttvarUs: 250_000 }),
    backoff: (rto, n, hz) => (n <= 4 ? rto : doubling(rto, n, hz)),
  },
];

const ORPHAN: Partial<SocketSnapshot> = { dead: true, hasFile: false, hasSocket: false, state: TCP_STATE.LAST_ACK };

/** The socket between its n-th retransmission and the next, as BPF reads it. */
function* lifeOf({ socket, backoff }: Life, hz: number, phase: number): Generator<[Moment, SocketSnapshot]> {
  const start = new Moment(hz, phase);
  const fresh = socket(start);
  const { retransmitsLeft } = ending(start, fresh);
  const startUs = start.monoUs;
  let jiffy = armJiffy(start.jiffies, fresh.rtoJiffies);
  let rtoJiffies = fresh.rtoJiffies;
  const first = new Moment(hz, jiffy - BASE_JIFFIES);
  const stampMs = Math.floor((first.monoUs + HANDLER_US) / 1000) >>> 0;
  for (let n = 1; n <= retransmitsLeft; n++) {
    rtoJiffies = backoff(rtoJiffies, n, hz);
    const later = new Moment(hz, jiffy - BASE_JIFFIES + Math.floor(rtoJiffies / 3));
    const set = queuedTimer(jiffy, rtoJiffies);
    yield [
      later,
      {
        ...socket(later),
        retransmits: n,
        totalRto: n,
        backoff: n,
        // SYNs do not back off at first; sock_diag tells the count as the kernel has it.
        ...(fresh.state === TCP_STATE.SYN_SENT ? { backoff: Math.max(0, n - 4) } : {}),
        caState: CA_STATE.LOSS,
        rtoJiffies,
        retransStamp: fresh.retransStamp || stampMs,
        rtoStampMs: stampMs,
        hasRtoStamp: true,
        lsndtimeJiffies32: jiffy >>> 0,
        rcvTstampJiffies32: later.jiffies32((later.monoUs - startUs) / 1e6),
        writeTimer: set,
      },
    ];
    jiffy = armJiffy(jiffy, rtoJiffies);
  }
}

for (const life of LIVES) {
  for (const hz of [100, 250, 1000]) {
    test(`${life.name}, HZ ${hz}: the forecast of BPF, from each moment of its life and of the one before`, () => {
      for (const phase of PHASES) {
        let previous: SocketSnapshot | null = null;
        for (const [moment, read] of lifeOf(life, hz, phase)) {
          const what = `phase ${phase}, retransmission ${read.retransmits}`;
          assertSameForecast(moment, polledAt(moment, read), read, what);
          previous = polledAt(moment, read, previous);
          assertSameForecast(moment, previous, read, `${what}, with the look before`);
        }
      }
    });
  }
}

test('before Linux 6.7 the beginning is reckoned from the timer: exact where the first timeout was looked at', () => {
  for (const life of LIVES) {
    for (const phase of PHASES) {
      let previous: SocketSnapshot | null = null;
      for (const [moment, read] of lifeOf(life, 250, phase)) {
        previous = polledAt(moment, read, previous, { infoSize: INFO_SIZE.LINUX_6_6, totalRtoRecoveries: 0 });
        assert.equal(previous.hasRtoStamp, false);
        assertSameForecast(moment, previous, read, `${life.name}, phase ${phase}, retransmission ${read.retransmits}`);
      }
    }
  }
});

test('a later episode is reckoned too: the time in timeouts counts those before', () => {
  const [moment, read] = [...lifeOf(LIVES[0] ?? assert.fail(), 250, 0)][2] ?? assert.fail();
  const polled = polledAt(moment, read, null, { totalRtoRecoveries: 2, totalRtoTimeMs: 999_999 });
  assert.equal(polled.hasRtoStamp, false);
  const errorMs = (polled.retransStamp - read.retransStamp) | 0;
  assert.ok(Math.abs(errorMs) <= 100, `off by ${errorMs} ms`);
});

test('of two looks the one that was read sooner gives the stamps, and an unchanged socket looks unchanged', () => {
  const [moment, read] = [...lifeOf(LIVES[0] ?? assert.fail(), 250, 0)][4] ?? assert.fail();
  const ticks = ticksOf(moment);
  const prompt = snapshotOfPolled(polledOf(read, 250), null, ticks);
  const late = { ...polledOf(read, 250), monoUs: read.monoUs + 9000 };
  const after = snapshotOfPolled(late, prompt, ticks);
  for (const field of [
    'retransStamp',
    'rtoStampMs',
    'rcvTstampJiffies32',
    'lsndtimeJiffies32',
    'writeTimer',
  ] as const) {
    assert.deepEqual(after[field], prompt[field], field);
  }
  const before = snapshotOfPolled(late, null, ticks);
  assert.equal(before.rcvTstampJiffies32, prompt.rcvTstampJiffies32 + 2);
  assert.deepEqual(snapshotOfPolled(polledOf(read, 250), before, ticks).writeTimer, prompt.writeTimer);
});

/** Timeouts of a socket whose last wait was cut by TCP_USER_TIMEOUT. */
function clampedMoment(userTimeoutMs: number): [Moment, SocketSnapshot] {
  const lives = [...lifeOf(LIVES[0] ?? assert.fail(), 250, 0)];
  for (const [moment, read] of lives) {
    const armed = read.jiffies - Math.floor(read.rtoJiffies / 3);
    const passedMs = ((moment.monoUs - (moment.jiffies - armed) * 4000) / 1000 - read.retransStamp) | 0;
    const leftJiffies = Math.ceil((userTimeoutMs - passedMs) / 4);
    if (leftJiffies < read.rtoJiffies) {
      return [moment, { ...read, userTimeoutMs, writeTimer: queuedTimer(armed, leftJiffies) }];
    }
  }
  return assert.fail('no wait is cut');
}

test('a timer that is set for less than the RTO betrays TCP_USER_TIMEOUT, and when it ends', () => {
  const [moment, read] = clampedMoment(30_000);
  const polled = polledAt(moment, read);
  assert.equal(polled.userTimeoutMs, 30_000);
  assert.equal(polled.unknown.includes('user_timeout'), false);
  const giveUp = forecastGiveUp(polled, moment.kernel, moment.clock);
  assert.deepEqual(giveUp, forecastGiveUp(read, moment.kernel, moment.clock));
  const before = polledAt(moment, { ...read, writeTimer: queuedTimer(moment.jiffies, read.rtoJiffies) });
  assert.ok(before.unknown.includes('user_timeout'));
});

test('settings that BPF had read hold on, and what it cannot see any more is still the same episode', () => {
  const [moment, read] = [...lifeOf(LIVES[0] ?? assert.fail(), 250, 0)][3] ?? assert.fail();
  const before = { ...read, userTimeoutMs: 45_000, usecStamps: true, retransStamp: (read.retransStamp * 1000) >>> 0 };
  const polled = polledAt(moment, { ...read, bytesAcked: before.bytesAcked }, before);
  assert.deepEqual(polled.unknown, []);
  assert.equal(polled.userTimeoutMs, 45_000);
  assert.deepEqual([polled.retransStamp, polled.usecStamps], [before.retransStamp, true]);
  assert.deepEqual(
    forecastGiveUp(polled, moment.kernel, moment.clock),
    forecastGiveUp(before, moment.kernel, moment.clock),
  );
});

test('sequence numbers of two origins are told apart from progress', () => {
  const moment = new Moment(250);
  const read = moment.socket(0.204, { sndUna: 4_294_967_000, sndNxt: 216, writeSeq: 216, bytesAcked: 77 });
  const polled = polledAt(moment, read);
  assert.deepEqual([polled.sndUna, polled.writeSeq, polled.sndNxt], [77, 589, 589]);
  const rebased = inSequenceSpaceOf(read, polled);
  assert.deepEqual([rebased.sndUna, rebased.writeSeq, rebased.rcvNxt], [77, 589, polled.rcvNxt]);
  const back = inSequenceSpaceOf(polled, { ...read, sndUna: 4, bytesAcked: 377 });
  assert.deepEqual([back.sndUna, back.sndNxt], [4_294_967_000, 216]);
});

/** An idle socket whose peer has vanished, some time after its n-th probe. */
function probing(
  moment: Moment,
  idle: number,
  interval: number,
  probes: number,
  changes: Partial<SocketSnapshot> = {},
) {
  const { hz } = moment.kernel;
  return (n: number): [Moment, SocketSnapshot] => {
    let jiffy = armJiffy(moment.jiffies, idle * hz);
    for (let probe = 1; probe < n; probe++) {
      jiffy = armJiffy(jiffy, interval * hz);
    }
    const now = new Moment(hz, jiffy - BASE_JIFFIES + 100);
    const heard = moment.jiffies >>> 0;
    const stamps = { rcvTstampJiffies32: heard, lrcvtimeJiffies32: heard, lsndtimeJiffies32: heard };
    const keepaliveTimer = queuedTimer(jiffy, interval * hz);
    return [now, { ...now.idle(idle, interval, probes), ...stamps, keepaliveTimer, probesOut: n, ...changes }];
  };
}

test('keepalive as the sysctls have it: the forecast of BPF, which supposes that nobody has set it otherwise', () => {
  const at = probing(new Moment(250, 77), 7200, 75, 9);
  for (const n of [1, 2, 5, 8]) {
    const [moment, read] = at(n);
    const polled = polledAt(moment, read);
    assert.equal(polled.keepalive, true);
    assertSameForecast(moment, polled, read, `probe ${n}`);
    const giveUp = forecastGiveUp(polled, moment.kernel, moment.clock);
    assert.deepEqual(giveUp?.supposes, ['user_timeout', 'keepalive_interval', 'keepalive_probes']);
  }
});

test('two looks at probes in a row tell the interval, to the second', () => {
  for (const interval of [1, 3, 10, 75, 600]) {
    for (const hz of [100, 250, 1000]) {
      const at = probing(new Moment(hz, 1234), 20, interval, 9);
      const [first, read] = at(2);
      const before = polledAt(first, read);
      assert.ok(before.unknown.includes('keepalive_interval'));
      const [second, later] = at(3);
      const polled = polledAt(second, later, before);
      assert.equal(polled.keepaliveIntvlJiffies, interval * hz, `every ${interval} s, HZ ${hz}`);
      assert.equal(polled.unknown.includes('keepalive_interval'), false);
      assertSameForecast(second, polled, later, `every ${interval} s, HZ ${hz}`);
      const [third, last] = at(5);
      assert.equal(polledAt(third, last, polled).keepaliveIntvlJiffies, interval * hz);
    }
  }
});

test('one look bounds the interval: the sysctl is not supposed where it cannot be', () => {
  const [moment, read] = probing(new Moment(250, 77), 2, 3, 5)(2);
  const polled = polledAt(moment, read);
  assert.equal(polled.keepaliveIntvlJiffies, 3 * 250);
  assert.ok(polled.unknown.includes('keepalive_interval'));
});

test('a window that is probed: the forecast of BPF, and when the first probe went out', () => {
  const start = new Moment(250, 33);
  let jiffy = start.jiffies;
  let previous: SocketSnapshot | null = null;
  let first = 0;
  for (let n = 1; n <= 9; n++) {
    jiffy = armJiffy(jiffy, 51 * 2 ** (n - 1));
    first = n === 1 ? jiffy : first;
    const moment = new Moment(250, jiffy - BASE_JIFFIES + 5);
    const read = moment.socket(0.204, {
      pending: PENDING.PROBE0,
      packetsOut: 0,
      sndNxt: 1000,
      sndUna: 1000,
      sndWnd: 0,
      probesOut: n,
      backoff: n,
      probesTstampJiffies32: first >>> 0,
      writeTimer: queuedTimer(jiffy, 51 * 2 ** n),
    });
    previous = polledAt(moment, read, previous);
    assertSameForecast(moment, previous, read, `probe ${n}`);
    assert.equal(previous.probesTstampJiffies32, first >>> 0);
  }
});

test('an RTO that stops doubling has met its maximum', () => {
  const moment = new Moment(250);
  const stuck = { retransmits: 7, backoff: 7, caState: CA_STATE.LOSS, retransStamp: 1 };
  const capped = polledAt(moment, moment.socket(2, stuck));
  assert.equal(capped.rtoMaxJiffies, 500);
  assert.equal(polledAt(moment, moment.socket(26.112, stuck)).rtoMaxJiffies, 0);
});

test('what is unknown depends on the timer that runs: SO_KEEPALIVE shows while no other one does', () => {
  const moment = new Moment(250);
  const idle = moment.idle(20, 5, 3);
  assert.equal(polledAt(moment, idle).unknown.includes('keepalive'), false);
  const off = polledAt(moment, { ...idle, keepaliveTimer: { pending: false, expiresJiffies32: 0, flags: 0 } });
  assert.deepEqual([off.keepalive, off.unknown.includes('keepalive')], [false, false]);
  assert.equal(polledAt(moment, moment.socket(0.204)).unknown.includes('keepalive'), true);
  assert.equal(polledAt(moment, idle, null, { hasSysctls: false }).unknown.includes('sysctls'), true);
});

test('a socket of which only a descriptor is left keeps what was known of it', () => {
  const moment = new Moment(250);
  const before = polledAt(moment, moment.socket(0.204));
  const left = polledAt(moment, { ...moment.socket(0.204), state: TCP_STATE.CLOSE, cause: 'sweep' }, before);
  assert.deepEqual([left.state, left.hasFile, left.dead, left.shutdown], [TCP_STATE.CLOSE, true, false, 3]);
  assert.equal(left.sndUna, before.sndUna);
});

test('whoever asks what a user timeout would do supposes none', () => {
  const [moment, read] = [...lifeOf(LIVES[0] ?? assert.fail(), 250, 0)][3] ?? assert.fail();
  const observed = { socket: polledAt(moment, read), closedUs: null, kernel: moment.kernel, clock: moment.clock };
  const supposed = (settings: WhatIfSettings): unknown => whatIf(observed, settings, moment.monoUs).fromNow?.supposes;
  assert.deepEqual(supposed({ tcpRetries2: 8 }), ['user_timeout']);
  assert.equal(supposed({ userTimeoutMs: 60_000 }), undefined);
});
