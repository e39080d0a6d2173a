/**
 * Proves: the model gives the worked examples of the kernel reference, over all phases of the timer wheel, and agrees
 * with the durations that were measured on a kernel with HZ 250. Does not prove that the sensor reads the fields right,
 * nor that a kernel with another version behaves the same: the kernel tests compare forecasts with real ends.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TCP_STATE, type SocketSnapshot, type TcpSysctls } from '../../../daemon/core/snapshot.js';
import { Moment, ending, type Ending } from './give-up-sockets.js';

interface Example {
  readonly name: string;
  readonly hz: number;
  readonly socket: (moment: Moment) => SocketSnapshot;
  /** Seconds from the snapshot to the end: the least and the most over all phases, both reached within 0.1 s. */
  readonly seconds: readonly [number, number];
  readonly transmissions: number;
  readonly reason: Ending['reason'];
  /** Seconds measured on a real kernel; where a tick is bistable, either candidate. */
  readonly measured?: readonly number[];
}

/**
 * All phases of the timer wheel: the stride is odd, so that it visits the boundaries of every level, and the last phase
 * is one granule of the longest wait (two hours at HZ 1000) away from the first.
 */
const PHASES: readonly number[] = Array.from({ length: 998 }, (_, index) => index * 263);

function sysctls(moment: Moment, changes: Partial<TcpSysctls>): Pick<SocketSnapshot, 'sysctls'> {
  return { sysctls: { ...moment.socket(1).sysctls, ...changes } };
}

function afterRto(seconds: number, retries2?: number): (moment: Moment) => SocketSnapshot {
  return (moment) => moment.socket(seconds, retries2 === undefined ? {} : sysctls(moment, { retries2 }));
}

function withUserTimeout(ms: number): (moment: Moment) => SocketSnapshot {
  return (moment) => moment.socket(0.204, { userTimeoutMs: ms });
}

function orphan(changes: Partial<SocketSnapshot>): (moment: Moment) => SocketSnapshot {
  return (moment) => moment.socket(0.204, { dead: true, state: TCP_STATE.FIN_WAIT1, ...changes });
}

function windowClosed(rtoSeconds: number, changes: Partial<SocketSnapshot> = {}): (moment: Moment) => SocketSnapshot {
  return (moment) =>
    moment.socket(rtoSeconds, { sndWnd: 0, packetsOut: 0, pending: 3, sndNxt: 1000, writeSeq: 1512, ...changes });
}

function rows(
  reason: Ending['reason'],
  ...table: readonly (readonly [
    name: string,
    hz: number,
    socket: (moment: Moment) => SocketSnapshot,
    seconds: readonly [number, number],
    transmissions: number,
    measured?: readonly number[],
  ])[]
): Example[] {
  return table.map(([name, hz, socket, seconds, transmissions, measured]) => ({
    ...{ name, hz, socket, seconds, transmissions, reason },
    ...(measured === undefined ? {} : { measured }),
  }));
}

/** A measured time includes the tail loss probe of a one-segment request, which the examples leave out. */
const PROBE_SECONDS = 0.208;

const EXAMPLES: readonly Example[] = [
  ...rows(
    'tcp_retries2',
    ['default, RTO 200 ms', 250, afterRto(0.2), [934.56, 936.6], 15],
    ['default, RTO 204 ms', 250, afterRto(0.204), [937.5, 939.5], 15, [937.9 - PROBE_SECONDS, 939.6 - PROBE_SECONDS]],
    ['default, RTO 201 ms', 1000, afterRto(0.201), [947.7, 951.8], 15],
    ['default, RTO 210 ms', 100, afterRto(0.21), [959.4, 964.5], 15],
    ['default, RTO 1 s', 250, afterRto(1), [975, 977], 13],
    ['default, RTO 1 s', 1000, afterRto(1), [988.5, 992.5], 13],
    ['default, RTO 3 s', 250, afterRto(3), [1036.5, 1038.5], 12],
    ['tcp_retries2=3', 250, afterRto(0.204, 3), [6.41, 6.66], 4, [6.77 - PROBE_SECONDS, 3.42 - PROBE_SECONDS]],
    ['tcp_retries2=4', 250, afterRto(0.204, 4), [6.41, 6.66], 4, [6.79 - PROBE_SECONDS]],
    ['tcp_retries2=5', 250, afterRto(0.204, 5), [13.07, 13.32], 5, [13.34 - PROBE_SECONDS, 13.4 - PROBE_SECONDS]],
    ['tcp_retries2=8', 250, afterRto(0.204, 8), [106, 108], 8, [106.5 - PROBE_SECONDS, 106.2 - PROBE_SECONDS]],
    ['tcp_retries2=3', 1000, afterRto(0.201, 3), [6.35, 6.41], 4],
    ['tcp_retries2=8', 1000, afterRto(0.201, 8), [104, 108], 8],
    ['tcp_retries2=3, RTO 1 s', 250, afterRto(1, 3), [7.05, 7.3], 2],
    ['tcp_retries2=5, RTO 1 s', 250, afterRto(1, 5), [15.2, 15.5], 3],
    ['tcp_retries2=8, RTO 1 s', 250, afterRto(1, 8), [129.2, 131.2], 6],
    ['RTO limit 5 s', 250, (m) => m.socket(0.204, { rtoMaxJiffies: m.jiffiesOf(5) }), [62.7, 63], 15, [63.1 - 0.2]],
    [
      'thin stream, tcp_retries2=5',
      250,
      (m) => m.socket(0.204, { thinLto: true, ...sysctls(m, { retries2: 5 }) }),
      [14.3, 14.6],
      11,
      [14.62 - PROBE_SECONDS],
    ],
  ),
  ...rows(
    'user_timeout',
    ['TCP_USER_TIMEOUT 30 s', 250, withUserTimeout(30_000), [30.21, 30.46], 7, [30.59 - 0.208, 30.47 - 0.208]],
    ['orphan with TCP_USER_TIMEOUT 150 s', 250, orphan({ userTimeoutMs: 150_000 }), [150.2, 152.26], 9, [151.9]],
    ['connect, TCP_USER_TIMEOUT 10 s', 250, (m) => m.connecting({ userTimeoutMs: 10_000 }), [10, 10.26], 6, [10.16]],
    ['connect, TCP_USER_TIMEOUT 20 s', 250, (m) => m.connecting({ userTimeoutMs: 20_000 }), [20, 20.04], 8],
    [
      'keepalive 10/5/9, user timeout 22 s',
      250,
      (m) => m.idle(10, 5, 9, { userTimeoutMs: 22_000 }),
      [25.36, 25.62],
      3,
      [25.473, 25.587],
    ],
  ),
  ...rows(
    'orphan_retries',
    ['orphan', 250, orphan({}), [106, 108], 8, [106.8 - PROBE_SECONDS, 107.4 - PROBE_SECONDS]],
    ['orphan in LAST_ACK', 250, orphan({ state: TCP_STATE.LAST_ACK }), [106, 108], 8, [108.2 - PROBE_SECONDS]],
    ['orphan in CLOSING, closed window', 250, orphan({ state: TCP_STATE.CLOSING, sndWnd: 0 }), [106, 108], 8],
    ['orphan, FIN behind a closed window', 250, windowClosed(0.204, { dead: true, state: 4 }), [106, 108], 8],
  ),
  ...rows(
    'syn_retries',
    [
      'connect, no linear timeouts',
      250,
      (m) => m.connecting(sysctls(m, { synLinearTimeouts: 0 })),
      [129.2, 131.2],
      6,
      [131.08],
    ],
    ['connect, 4 linear timeouts', 250, (m) => m.connecting(), [133.3, 135.3], 10, [133.49, 133.43]],
    ['connect before 6.7', 250, (m) => m.connecting({ hasRtoStamp: false, rtoMaxJiffies: 0 }), [133.3, 135.3], 10],
    ['connect, TCP_SYNCNT 1', 250, (m) => m.connecting({ synRetries: 1 }), [3.05, 3.08], 2],
    ['connect, TCP_SYNCNT 2', 250, (m) => m.connecting({ synRetries: 2 }), [7.12, 7.14], 5],
    ['connect, TCP_SYNCNT 3', 250, (m) => m.connecting({ synRetries: 3 }), [19.3, 19.6], 7],
    ['connect, TCP_SYNCNT 4', 250, (m) => m.connecting({ synRetries: 4 }), [35.5, 35.7], 8],
    ['connect, TCP_SYNCNT 5', 250, (m) => m.connecting({ synRetries: 5 }), [67.7, 69.8], 9],
  ),
  ...rows(
    'keepalive',
    ['keepalive 7200/75/9', 100, (m) => m.idle(7200, 75, 9), [7891.5, 8218.7], 9],
    ['keepalive 7200/75/9 from sysctls', 250, (m) => m.idle(7200, 0, 0, { keepaliveTimeJiffies: 0 }), [7882, 8013], 9],
    ['keepalive 7200/75/9', 1000, (m) => m.idle(7200, 75, 9), [7901, 8162], 9],
    ['keepalive 10/30/5', 100, (m) => m.idle(10, 30, 5), [160.4, 161], 5],
    ['keepalive 10/30/5', 250, (m) => m.idle(10, 30, 5), [163.1, 165.1], 5],
    ['keepalive 10/30/5', 1000, (m) => m.idle(10, 30, 5), [161, 161.6], 5],
    ['keepalive 60/10/6', 100, (m) => m.idle(60, 10, 6), [121.5, 126.6], 6],
    ['keepalive 60/10/6', 250, (m) => m.idle(60, 10, 6), [121.4, 123.5], 6],
    ['keepalive 60/10/6', 1000, (m) => m.idle(60, 10, 6), [121.4, 125.5], 6],
  ),
  ...rows(
    'shrunk_window',
    ['window shrunk, RTO limit 2 s', 250, (m) => m.socket(0.204, { sndWnd: 0, rtoMaxJiffies: 500 }), [5.13, 5.17], 4],
    ['window shrunk', 250, (m) => m.socket(0.204, { sndWnd: 0 }), [333.3, 335.4], 10],
  ),
  ...rows(
    'tcp_retries2',
    ['closed window, silent peer', 250, windowClosed(0.204), [937.5, 939.5], 15],
    ['closed window, silent peer, RTO 1 s', 250, windowClosed(1), [1216.7, 1218.7], 15],
  ),
];

for (const { name, hz, socket, seconds, transmissions, reason, measured } of EXAMPLES) {
  test(`${name} at HZ ${hz} ends ${reason} after ${seconds[0]} to ${seconds[1]} s`, () => {
    // The phases are too few to meet each bucket of 300 s at its edge.
    const slack = seconds[1] > 3000 ? 0.7 : 0.11;
    const within = (value: number): boolean => value > seconds[0] - slack && value < seconds[1] + slack;
    const lives = PHASES.map((phase) => {
      const moment = new Moment(hz, phase);
      const giveUp = ending(moment, socket(moment));
      assert.equal(giveUp.reason, reason);
      assert.equal(giveUp.retransmitsLeft, transmissions);
      assert.equal(giveUp.expectedError, 'ETIMEDOUT');
      const candidates = [giveUp.timeUs, giveUp.latestTimeUs ?? giveUp.timeUs].map((us) => (us - moment.monoUs) / 1e6);
      // Where a tick is bistable the table gives the candidate of timers that run on time.
      return { candidates, life: candidates.find(within) ?? NaN };
    });
    const lifetimes = lives.map(({ life }) => life);
    assert.ok(Math.abs(Math.min(...lifetimes) - seconds[0]) < slack, `least ${Math.min(...lifetimes)} s`);
    assert.ok(Math.abs(Math.max(...lifetimes) - seconds[1]) < slack, `most ${Math.max(...lifetimes)} s`);
    for (const value of measured ?? []) {
      const near = lives.some(({ candidates }) => candidates.some((candidate) => Math.abs(candidate - value) < 0.15));
      assert.ok(near, `measured ${value} s is no candidate of any phase`);
    }
  });
}
