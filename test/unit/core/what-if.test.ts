// Proves that other settings are judged as the kernel would have judged them: from the start of the episode, and from now
// on, with the durations that the model's own tables give. It cannot prove that an application would have set them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GiveUp } from '../../../daemon/core/record.js';
import type { SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { whatIf, type WhatIfSettings } from '../../../daemon/core/what-if.js';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import { PENDING, TCP_STATE } from '../../../daemon/core/snapshot.js';
import { ending, Moment } from './give-up-sockets.js';

const HZ = 250;
const RTO_S = 0.204;

/** A socket after `retransmits` unanswered RTOs, looked at just after the last of them. */
function retransmitting(moment: Moment, retransmits: number, changes: Partial<SocketSnapshot> = {}): SocketSnapshot {
  const rtoS = RTO_S * 2 ** retransmits;
  const sinceFirstS = rtoS - 2 * RTO_S;
  return moment.socket(rtoS, {
    retransmits,
    backoff: retransmits,
    totalRto: retransmits,
    rttvarUs: 203_000,
    retransStamp: moment.stampMs(sinceFirstS),
    rtoStampMs: moment.stampMs(sinceFirstS),
    ...changes,
  });
}

/** Seconds from the first RTO (of the episode) to the end. */
function afterFirst(giveUp: GiveUp | null, moment: Moment, sinceFirstS: number): number {
  assert.ok(giveUp !== null && !giveUp.never, 'a time was expected');
  return (giveUp.timeUs - moment.monoUs) / 1e6 + sinceFirstS;
}

function answers(
  socket: SocketSnapshot,
  settings: WhatIfSettings,
  moment: Moment,
  times: { readonly closedUs?: number; readonly nowUs?: number | null } = {},
): ReturnType<typeof whatIf> {
  const { closedUs = null, nowUs = moment.monoUs } = times;
  return whatIf({ socket, closedUs, kernel: moment.kernel, clock: moment.clock }, settings, nowUs);
}

describe('a black hole after eight RTOs', () => {
  const moment = new Moment(HZ, 77);
  const sinceFirstS = RTO_S * 2 ** 8 - 2 * RTO_S;
  // The first tick past the limit, in seconds after the first RTO: limits of 3.0, 12.6 and 102.2 s (kernel-tcp 1.12).
  const table: readonly (readonly [string, WhatIfSettings, readonly [number, number]])[] = [
    ['tcp_retries2=3', { tcpRetries2: 3 }, [2.8, 6.5]],
    ['tcp_retries2=5', { tcpRetries2: 5 }, [12.5, 13.3]],
    ['tcp_retries2=8', { tcpRetries2: 8 }, [104, 108]],
    ['tcp_retries2=15', { tcpRetries2: 15 }, [930, 940]],
    ['user-timeout=30s', { userTimeoutMs: 30_000 }, [29.9, 30.6]],
  ];
  for (const [name, settings, [least, most]] of table) {
    test(`${name} from the start`, () => {
      const endS = afterFirst(answers(retransmitting(moment, 8), settings, moment).fromStart, moment, sinceFirstS);
      assert.ok(endS >= least && endS <= most, `${endS} s`);
    });
  }

  test('a limit that has passed ends it at the next tick, not at once', () => {
    const { fromStart, fromNow } = answers(retransmitting(moment, 8), { tcpRetries2: 3 }, moment);
    assert.ok(fromStart !== null && !fromStart.never && fromStart.timeUs < moment.monoUs);
    const untilTickS = afterFirst(fromNow, moment, 0);
    assert.ok(untilTickS >= RTO_S * 2 ** 8 && untilTickS < RTO_S * 2 ** 8 * 1.15, `${untilTickS} s`);
  });

  test('keepalive changes nothing while data is in flight', () => {
    const socket = retransmitting(moment, 8);
    const keepalive = { idleMs: 20_000, intervalMs: 10_000, probes: 3 };
    assert.deepEqual(answers(socket, { keepalive }, moment).fromNow, answers(socket, {}, moment).fromNow);
  });

  test('what has ended cannot be set any more', () => {
    const { fromStart, fromNow } = answers(retransmitting(moment, 8), { tcpRetries2: 8 }, moment, { nowUs: null });
    assert.equal(fromNow, null);
    assert.notEqual(fromStart, null);
  });

  test('a question that comes after the next tick of the snapshot is answered by the tick after it', () => {
    const tickS = RTO_S * 2 ** 8;
    const late = answers(retransmitting(moment, 8), { tcpRetries2: 3 }, moment, {
      nowUs: moment.monoUs + (tickS * 1.15 + 0.2) * 1e6,
    });
    const endS = afterFirst(late.fromNow, moment, 0);
    assert.ok(endS >= 3 * tickS && endS < 3 * tickS * 1.15, `${endS} s`);
  });

  test('a user timeout that is set after a tick does not cut the wait that this tick began', () => {
    const tickS = RTO_S * 2 ** 8;
    const late = answers(retransmitting(moment, 8), { userTimeoutMs: 110_000 }, moment, {
      nowUs: moment.monoUs + (tickS * 1.15 + 0.2) * 1e6,
    });
    // 51.8 s had passed since the first RTO; the running wait ends after 156 s.
    const endS = afterFirst(late.fromNow, moment, sinceFirstS);
    assert.ok(endS > 200, `${endS} s`);
  });

  test('settings as they are give the forecast as it is', () => {
    const socket = retransmitting(moment, 4);
    const { fromStart, fromNow } = answers(socket, {}, moment);
    assert.ok(fromStart !== null && !fromStart.never && fromNow !== null && !fromNow.never);
    assert.ok(Math.abs(fromStart.timeUs - fromNow.timeUs) < 4_100_000, 'but for the rounding of past timers');
  });
});

// A timer of 20 s runs up to 2 s late at this HZ, one of 10 s up to a quarter of a second.
describe('an idle connection', () => {
  const moment = new Moment(HZ, 5);
  const keepalive = { idleMs: 20_000, intervalMs: 10_000, probes: 3 };

  test('without keepalive it never ends; with keepalive=20s/10s/3 it ends 50 s after the last sign of the peer', () => {
    const socket = moment.idle(7200, 75, 9, {
      keepalive: false,
      keepaliveTimer: { pending: false, expiresJiffies32: 0, flags: 0 },
      rcvTstampJiffies32: moment.jiffies32(300),
      lrcvtimeJiffies32: moment.jiffies32(300),
    });
    assert.deepEqual(answers(socket, {}, moment).fromNow, { never: true });
    const { fromStart, fromNow } = answers(socket, { keepalive }, moment);
    const startedS = afterFirst(fromStart, moment, 300);
    assert.ok(startedS >= 50 && startedS < 53, `${startedS} s`);
    const nowS = afterFirst(fromNow, moment, 0);
    assert.ok(nowS >= 30 && nowS < 31.5, `its idle time is over, three intervals remain: ${nowS} s`);
  });

  test('probes that went unanswered do not count when time is turned back', () => {
    const socket = moment.idle(20, 10, 9, {
      probesOut: 5,
      keepaliveTimer: moment.timer(100),
      rcvTstampJiffies32: moment.jiffies32(70),
      lrcvtimeJiffies32: moment.jiffies32(70),
    });
    const endS = afterFirst(answers(socket, { keepalive }, moment).fromStart, moment, 70);
    assert.ok(endS >= 50 && endS < 53, `${endS} s`);
  });
});

test('a SYN: tcp_syn_retries=2 would have ended it long ago', () => {
  const moment = new Moment(HZ, 9);
  const socket = moment.connecting({
    ...{ retransmits: 6, totalRto: 6, rtoJiffies: 4 * HZ, backoff: 2 },
    ...{ retransStamp: moment.stampMs(8), rtoStampMs: moment.stampMs(7), writeTimer: moment.timer(3 * HZ) },
  });
  const { fromStart } = answers(socket, { tcpSynRetries: 2 }, moment);
  const endS = afterFirst(fromStart, moment, 8);
  assert.ok(endS >= 7 && endS < 7.6, `seven seconds after connect(): ${endS} s`);
  assert.ok(fromStart !== null && !fromStart.never);
  assert.equal(fromStart.reason, 'syn_retries');
});

describe('an orphan that was closed while it was stuck', () => {
  const moment = new Moment(HZ, 31);
  const sinceFirstS = RTO_S * 2 ** 9 - 2 * RTO_S;
  const orphan = retransmitting(moment, 9, {
    dead: true,
    state: TCP_STATE.FIN_WAIT1,
    hasSocket: false,
    hasFile: false,
  });
  const closedUs = (secondsAfterFirst: number): number => moment.monoUs + (secondsAfterFirst - sinceFirstS) * 1e6;
  // With tcp_orphan_retries=3 the limit is 3.0 s after the first RTO: passed at the first tick of the orphan. Ticks come
  // some 2.9, 6.1, 12.4, 25.5 and 51.5 s after the first.
  const table: readonly (readonly [string, number, readonly [number, number]])[] = [
    ['closed at once', 0, [2.8, 6.6]],
    ['closed after 10 s', 10, [12.3, 13.3]],
    ['closed after 30 s', 30, [51, 54]],
  ];
  for (const [name, closedS, [least, most]] of table) {
    test(`${name}: the limit of orphans holds from then on`, () => {
      const { fromStart } = answers(orphan, { tcpOrphanRetries: 3 }, moment, { closedUs: closedUs(closedS) });
      const endS = afterFirst(fromStart, moment, sinceFirstS);
      assert.ok(endS >= least && endS <= most, `${endS} s`);
      assert.ok(fromStart !== null && !fromStart.never);
      assert.equal(fromStart.reason, 'orphan_retries');
    });
  }

  test('tcp_retries2 could only have ended it before it was closed', () => {
    const end = answers(orphan, { tcpRetries2: 5 }, moment, { closedUs: closedUs(60) }).fromStart;
    assert.ok(afterFirst(end, moment, sinceFirstS) < 14);
    const late = answers(orphan, { tcpRetries2: 5 }, moment, { closedUs: closedUs(5) }).fromStart;
    assert.ok(afterFirst(late, moment, sinceFirstS) > 100, 'the 102.2 s of orphans');
  });
});

describe('a closed window', () => {
  const moment = new Moment(HZ, 3);
  /** Probes at 0, 0.4, 1.2, 2.8, 6.1 s of the episode ...; the last one this moment. */
  function probing(probesOut: number, changes: Partial<SocketSnapshot> = {}): SocketSnapshot {
    return moment.socket(RTO_S, {
      pending: PENDING.PROBE0,
      packetsOut: 0,
      sndUna: 1000,
      sndNxt: 1000,
      sndWnd: 0,
      probesOut,
      backoff: probesOut,
      writeTimer: moment.timer(51 * 2 ** probesOut),
      ...changes,
    });
  }
  const sinceFirstS = RTO_S * 2 ** 7 - 2 * RTO_S;

  test('tcp_retries2 counts the probes that went unanswered, from the first one on', () => {
    const { fromStart, fromNow } = answers(probing(7), { tcpRetries2: 5 }, moment);
    const endS = afterFirst(fromStart, moment, sinceFirstS);
    // 0.41 + 0.82 + 1.63 + 3.26 + 6.53 s from the first probe to the tick after the fifth.
    assert.ok(endS >= 12.4 && endS <= 14, `${endS} s`);
    const nowS = afterFirst(fromNow, moment, 0);
    assert.ok(nowS >= RTO_S * 128 && nowS < RTO_S * 128 * 1.15, 'at its next tick');
  });

  test('where the kernel notes the first probe, that is the beginning', () => {
    const socket = probing(7, { probesTstampJiffies32: moment.jiffies32(27) });
    const endS = afterFirst(answers(socket, { tcpRetries2: 1 }, moment).fromStart, moment, 27);
    assert.ok(endS >= 0.4 && endS < 0.5, `${endS} s`);
  });

  test('probes that were answered before do not count, but their backoff stays', () => {
    const socket = probing(3, { backoff: 7, writeTimer: moment.timer(51 * 2 ** 7) });
    const startedS = (ending(moment, socket).timeUs - moment.monoUs) / 1e6;
    const { fromStart } = answers(socket, {}, moment);
    assert.ok(Math.abs(afterFirst(fromStart, moment, 0) - startedS) < 30, 'the same end, but for the rounding');
    const sooner = afterFirst(answers(socket, { tcpRetries2: 2 }, moment).fromStart, moment, 0);
    assert.ok(sooner < 0, `two probes were over ${-sooner} s ago`);
  });

  test('a peer that answers is never given up, but for a user timeout', () => {
    const socket = probing(0, {
      backoff: 4,
      writeTimer: moment.timer(800),
      probesTstampJiffies32: moment.jiffies32(20),
    });
    assert.deepEqual(answers(socket, { tcpRetries2: 3 }, moment).fromNow, { never: true });
    const endS = afterFirst(answers(socket, { userTimeoutMs: 30_000 }, moment).fromNow, moment, 20);
    assert.ok(endS >= 29.8 && endS < 31, `${endS} s`);
  });

  test('that shrank to zero with data in flight: a user timeout counts from the first retransmission', () => {
    const socket = retransmitting(moment, 6, { retransmits: 0, sndWnd: 0, rcvTstampJiffies32: moment.jiffies32(13) });
    const sinceS = RTO_S * 2 ** 6 - 2 * RTO_S;
    const endS = afterFirst(answers(socket, { userTimeoutMs: 3000 }, moment).fromStart, moment, sinceS);
    // A tick comes 2.9 s after it, so near to the limit that it may be the last.
    assert.ok(endS >= 2.8 && endS < 3.3, `${endS} s`);
  });
});

describe('keepalive that is set now', () => {
  const moment = new Moment(HZ, 40);
  const silentS = 25;
  const socket = moment.idle(20, 10, 9, {
    probesOut: 1,
    keepaliveTimer: moment.timer(5 * HZ),
    rcvTstampJiffies32: moment.jiffies32(silentS),
    lrcvtimeJiffies32: moment.jiffies32(silentS),
  });

  test('a shorter idle time that is over fires the timer at once', () => {
    const keepalive = { idleMs: 5000, intervalMs: 1000, probes: 2 };
    const endS = afterFirst(answers(socket, { keepalive }, moment).fromNow, moment, 0);
    assert.ok(endS >= 1 && endS < 1.2, `the second probe at once, then one interval: ${endS} s`);
    const later = answers(socket, { keepalive }, moment, { nowUs: moment.monoUs + 2e6 }).fromNow;
    const laterS = afterFirst(later, moment, 0);
    assert.ok(laterS >= 3 && laterS < 3.2, `asked two seconds later: ${laterS} s`);
  });

  test('a longer one arms it for what is left, from the time of the question', () => {
    const keepalive = { idleMs: 60_000, intervalMs: 10_000, probes: 2 };
    const { fromNow } = answers(socket, { keepalive }, moment, { nowUs: moment.monoUs + 2e6 });
    const endS = afterFirst(fromNow, moment, silentS);
    assert.ok(endS >= 70 && endS < 76, `one probe is out, the second goes at 60 s: ${endS} s`);
  });
});

test('an RTO that had been inflated before the episode is believed, not reckoned anew from the round-trip time', () => {
  const moment = new Moment(HZ, 50);
  // 1 s before any backoff, although the round-trip time says 0.2 s: RTOs 1, 3 and 7 s after the first transmission.
  const socket = moment.socket(8, {
    ...{ retransmits: 3, backoff: 3, totalRto: 3, rttvarUs: 203_000 },
    ...{ retransStamp: moment.stampMs(6), rtoStampMs: moment.stampMs(6) },
  });
  const endS = afterFirst(answers(socket, { tcpRetries2: 3 }, moment).fromStart, moment, 6);
  assert.ok(endS >= 6 && endS < 6.4, `the second tick after the first is past 3.0 s: ${endS} s`);
});

test('an unreachable peer: a window from the limit on, as in the forecast itself', () => {
  const moment = new Moment(HZ, 12);
  const socket = retransmitting(moment, 8, { skErrSoft: 113 });
  const { fromStart, fromNow } = answers(socket, { tcpRetries2: 5 }, moment);
  const sinceFirstS = RTO_S * 2 ** 8 - 2 * RTO_S;
  assert.ok(fromStart !== null && !fromStart.never && fromNow !== null && !fromNow.never);
  assert.ok(Math.abs(afterFirst(fromStart, moment, sinceFirstS) - 12.6) < 0.1);
  assert.ok(fromStart.latestTimeUs !== null && fromStart.latestTimeUs > fromStart.timeUs);
  assert.equal(fromStart.expectedError, 'EHOSTUNREACH');
  assert.ok(fromNow.timeUs >= moment.monoUs, 'not before it is set');
  const nowUs = moment.monoUs + 7e6;
  const later = answers(socket, { tcpRetries2: 5 }, moment, { nowUs }).fromNow;
  assert.ok(later !== null && !later.never && later.timeUs >= nowUs, 'nor before it is asked');
});

test('nothing that is supposed changes the forecast itself', () => {
  const moment = new Moment(HZ, 8);
  const socket = retransmitting(moment, 5);
  const before = forecastGiveUp(socket, moment.kernel, moment.clock);
  answers(socket, { tcpRetries2: 3, userTimeoutMs: 1, tcpOrphanRetries: 1 }, moment);
  assert.deepEqual(forecastGiveUp(socket, moment.kernel, moment.clock), before);
});
