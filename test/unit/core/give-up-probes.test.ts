/**
 * Proves: the timers beside the RTO proper (closed and shrunk windows, keepalive) are played forward as
 * net/ipv4/tcp_timer.c runs them, user timeouts and bistable ticks included. Does not prove that the sensor reads their
 * fields from the right place of each kernel: the kernel tests do.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { CA_STATE, PENDING, TCP_STATE, type SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { Moment, ending, seconds } from './give-up-sockets.js';

test('a shrunk window with a user timeout counts from the first retransmission, whether the peer answers or not', () => {
  const moment = new Moment(250, 5);
  const facts = { sndWnd: 0, retransStamp: moment.stampMs(4), userTimeoutMs: 10_000 };
  const answering = moment.socket(1.632, { ...facts, rcvTstampJiffies32: moment.jiffies32(0) });
  const silent = { ...answering, rcvTstampJiffies32: moment.jiffies32(5) };
  for (const socket of [answering, silent]) {
    assert.equal(ending(moment, socket).reason, 'user_timeout');
    assert.ok(Math.abs(seconds(moment, socket)[0] - 6.1) < 0.15, `${seconds(moment, socket)[0]}`);
  }
});

test('a shrunk window: inside the timer the forecast is what it is right after it', () => {
  const moment = new Moment(250, 5);
  const facts = {
    sndWnd: 0,
    caState: CA_STATE.LOSS,
    retransStamp: moment.stampMs(4),
    rcvTstampJiffies32: moment.jiffies32(5),
  };
  const inside = moment.socket(1.632, { ...facts, cause: 'retransmit', pending: PENDING.NONE });
  const after = moment.socket(3.264, facts);
  assert.deepEqual(ending(moment, inside), ending(moment, after));
});

test('a shrunk window: silence is measured to the expiry that was asked for, and must exceed the limit', () => {
  const moment = new Moment(250, 5);
  const writeTimer = moment.timer(400);
  const at = (silentJiffies: number): readonly [number, number | null] =>
    seconds(
      moment,
      moment.socket(2, {
        ...{ sndWnd: 0, writeTimer, rtoMaxJiffies: 500, retransStamp: moment.stampMs(60) },
        rcvTstampJiffies32: (writeTimer.expiresJiffies32 - silentJiffies) >>> 0,
      }),
    );
  assert.ok(at(1001)[0] < 1.7 && at(1001)[1] === null);
  assert.ok(at(1000)[0] < 1.7 && at(1000)[1] !== null);
  assert.ok(at(940)[0] > 3.5);
});

test('a shrunk window before the first retransmission counts from the last transmission', () => {
  const moment = new Moment(250, 5);
  const facts = { sndWnd: 0, rcvTstampJiffies32: moment.jiffies32(500), lsndtimeJiffies32: moment.jiffies32(1) };
  assert.ok(ending(moment, moment.socket(0.204, facts)).retransmitsLeft > 5);
});

test('the persist timer: a user timeout counts from the first probe, an answering peer is never given up', () => {
  const moment = new Moment(250, 5);
  const facts = { pending: PENDING.PROBE0, packetsOut: 0, sndNxt: 1000, writeSeq: 1512, sndWnd: 0 };
  const limited = moment.socket(0.204, { ...facts, userTimeoutMs: 30_000 });
  assert.ok(Math.abs(seconds(moment, limited)[0] - 30.35) < 0.15, `${seconds(moment, limited)[0]}`);
  assert.equal(ending(moment, limited).reason, 'user_timeout');
  const begun = { ...limited, probesOut: 3, backoff: 3, probesTstampJiffies32: moment.jiffies32(10) };
  assert.ok(Math.abs(seconds(moment, begun)[0] - 20.1) < 0.2, `${seconds(moment, begun)[0]}`);
  const answering = moment.socket(0.204, { ...facts, backoff: 4 });
  assert.deepEqual(forecastGiveUp(answering, moment.kernel, moment.clock), { never: true });
  const orphan = ending(moment, { ...answering, dead: true, state: TCP_STATE.FIN_WAIT1 });
  assert.equal(orphan.reason, 'orphan_retries');
  // Backed off to the maximum, an orphan whose peer answers has used up its retries by the backoff alone.
  const sysctls = { ...answering.sysctls, orphanRetries: 3 };
  const backedOff = { ...answering, backoff: 10, dead: true, state: TCP_STATE.FIN_WAIT1, sysctls };
  assert.equal(ending(moment, backedOff).retransmitsLeft, 0);
  const near = { ...limited, probesOut: 3, backoff: 3, probesTstampJiffies32: moment.jiffies32(29.7) };
  assert.ok((seconds(moment, near)[1] ?? 0) > seconds(moment, near)[0]);
});

test('keepalive: unanswered probes count, and in the event the next one is due at once', () => {
  const moment = new Moment(250, 0);
  const silent = { probesOut: 2, rcvTstampJiffies32: moment.jiffies32(20), lrcvtimeJiffies32: moment.jiffies32(20) };
  const queued = moment.idle(10, 5, 9, { ...silent, keepaliveTimer: moment.timer(moment.jiffiesOf(5)) });
  assert.equal(ending(moment, queued).retransmitsLeft, 7);
  const expiring: SocketSnapshot = {
    ...queued,
    cause: 'keepalive',
    keepaliveTimer: { pending: false, expiresJiffies32: 7, flags: 0 },
  };
  assert.equal(ending(moment, expiring).retransmitsLeft, 7);
  const [soon, later] = [seconds(moment, expiring)[0], seconds(moment, queued)[0]];
  assert.ok(later - soon > 5 && later - soon < 5.3);
  assert.equal(seconds(moment, { ...expiring, probesOut: 9 })[0], 0);
  // A pass that reads the socket while the handler runs says no cause.
  const due = (queued.jiffies - 1) >>> 0;
  const running = { ...expiring, cause: 'sweep' as const };
  assert.equal(
    seconds(moment, { ...running, keepaliveTimer: { ...expiring.keepaliveTimer, expiresJiffies32: due } })[0],
    soon,
  );
  // Something arrived one second ago: the idle time starts over.
  const heard = { ...queued, lrcvtimeJiffies32: moment.jiffies32(1), probesOut: 0 };
  assert.ok(seconds(moment, heard)[0] > 9 + 9 * 5);
});

test('keepalive: a socket that heard nothing for longer than 2^31 jiffies is idle, not young', () => {
  const moment = new Moment(1000, 2 ** 31);
  const silent = { rcvTstampJiffies32: moment.jiffies32(2_500_000), lrcvtimeJiffies32: moment.jiffies32(2_500_000) };
  assert.ok(seconds(moment, moment.idle(10, 5, 3, { ...silent, keepaliveTimer: moment.timer(1) }))[0] < 20);
  assert.equal(
    ending(moment, moment.idle(10, 5, 3, { ...silent, keepaliveTimer: moment.timer(1) })).retransmitsLeft,
    3,
  );
});

test('keepalive with a user timeout: one probe has to go unanswered, and a tick just before it is bistable', () => {
  const moment = new Moment(250, 0);
  const short = moment.idle(10, 5, 9, { userTimeoutMs: 5000 });
  assert.equal(ending(moment, short).retransmitsLeft, 1);
  assert.ok(seconds(moment, short)[0] > 15);
  const [first, second] = seconds(moment, moment.idle(10, 5, 9, { userTimeoutMs: 15_500 }));
  assert.ok(first < 15.5 && second !== null && second > 20, `${first} ${second}`);
});
