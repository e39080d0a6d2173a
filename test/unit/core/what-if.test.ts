// Proves that other settings are judged as the kernel would have judged them: from the start of the episode, and from now
// on, with the durations that the model's own tables give. It cannot prove that an application would have set them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GiveUp } from '../../../daemon/core/record.js';
import type { SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { whatIf, type WhatIfSettings } from '../../../daemon/core/what-if.js';
import { Moment } from './give-up-sockets.js';

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

function answers(socket: SocketSnapshot, settings: WhatIfSettings, moment: Moment): ReturnType<typeof whatIf> {
  return whatIf(socket, settings, moment.kernel, moment.clock);
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
