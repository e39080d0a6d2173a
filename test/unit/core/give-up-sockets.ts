/** Sockets for the tests of the give-up model, built as a kernel of a given HZ would show them. */
import assert from 'node:assert/strict';
import { forecastGiveUp } from '../../../daemon/core/give-up.js';
import type { GiveUp } from '../../../daemon/core/record.js';
import type { ClockReport, KernelFacts, KernelTimer, SocketSnapshot } from '../../../daemon/core/snapshot.js';
import { PENDING, TCP_STATE } from '../../../daemon/core/snapshot.js';
import { HEALTHY } from '../../support/snapshot-builder.js';

/** A jiffy of a machine that is up for a while (the low half wraps in between), and when it began. */
export const BASE_JIFFIES = 4_294_960_000;
const BASE_US = 5_000_000_000_000;

export type Ending = Extract<GiveUp, { never: false }>;

/** The forecast, where a time is expected. */
export function ending(moment: Moment, socket: SocketSnapshot): Ending {
  const giveUp = forecastGiveUp(socket, moment.kernel, moment.clock);
  assert.ok(giveUp !== null && !giveUp.never, 'a time was expected');
  return giveUp;
}

/** Seconds from the moment to the end, and to the later candidate. */
export function seconds(moment: Moment, socket: SocketSnapshot): readonly [number, number | null] {
  const { timeUs, latestTimeUs } = ending(moment, socket);
  return [(timeUs - moment.monoUs) / 1e6, latestTimeUs === null ? null : (latestTimeUs - moment.monoUs) / 1e6];
}

/** A kernel, its clock and the sockets of one instant: `phase` jiffies after `BASE_JIFFIES`. */
export class Moment {
  readonly kernel: KernelFacts;
  readonly clock: ClockReport;
  readonly jiffies: number;
  readonly monoUs: number;

  /** @param edgeUs where in its millisecond the tick begins. */
  constructor(hz: number, phase = 0, edgeUs = 123) {
    const baseUs = BASE_US + edgeUs;
    this.kernel = { hz, bootId: '', release: '6.18.44' };
    this.clock = { monoUs: baseUs, realUs: baseUs, bootUs: baseUs, jiffies: BASE_JIFFIES, jiffyEdgeUs: baseUs };
    this.jiffies = BASE_JIFFIES + phase;
    this.monoUs = baseUs + (phase * 1_000_000) / hz;
  }

  jiffiesOf(seconds: number): number {
    return Math.round(seconds * this.kernel.hz);
  }

  /** Low 32 bits of the jiffies of `seconds` before this moment. */
  jiffies32(secondsAgo: number): number {
    return (this.jiffies - this.jiffiesOf(secondsAgo)) >>> 0;
  }

  /** `retrans_stamp` in milliseconds for a first retransmission `seconds` before this moment. */
  stampMs(secondsAgo: number): number {
    return Math.floor((this.monoUs - secondsAgo * 1_000_000) / 1000) >>> 0;
  }

  /** A timer as `mod_timer()` queues it, `delay` jiffies from now. */
  timer(delayJiffies: number): KernelTimer {
    let level = 0;
    while (delayJiffies - 1 >= 63 * 8 ** level) {
      level++;
    }
    // The slot within the level does not matter to the model; 5 shows that it is masked away.
    return { pending: true, expiresJiffies32: (this.jiffies + delayJiffies) >>> 0, flags: (level * 64 + 5) << 22 };
  }

  /** An ESTABLISHED socket that sent one segment this very moment; nothing was retransmitted yet. */
  socket(rtoSeconds: number, changes: Partial<SocketSnapshot> = {}): SocketSnapshot {
    const rtoJiffies = this.jiffiesOf(rtoSeconds);
    return {
      ...blankSocket(this),
      rtoJiffies,
      rtoMinJiffies: this.jiffiesOf(0.2),
      rtoMaxJiffies: this.jiffiesOf(120),
      writeTimer: this.timer(rtoJiffies),
      ...changes,
    };
  }

  /** A socket that called connect() this very moment. */
  connecting(changes: Partial<SocketSnapshot> = {}): SocketSnapshot {
    return this.socket(1, { state: TCP_STATE.SYN_SENT, retransStamp: this.stampMs(0), hasRtoStamp: true, ...changes });
  }

  /** An idle socket on which SO_KEEPALIVE was set this very moment, as the last data arrived. */
  idle(idle: number, interval: number, probes: number, changes: Partial<SocketSnapshot> = {}): SocketSnapshot {
    return this.socket(0.204, {
      pending: PENDING.NONE,
      packetsOut: 0,
      sndUna: 1512,
      keepalive: true,
      keepaliveTimeJiffies: this.jiffiesOf(idle),
      keepaliveIntvlJiffies: this.jiffiesOf(interval),
      keepaliveProbes: probes,
      keepaliveTimer: this.timer(this.jiffiesOf(idle)),
      writeTimer: { pending: false, expiresJiffies32: 0, flags: 0 },
      ...changes,
    });
  }
}

function blankSocket(moment: Moment): SocketSnapshot {
  const { hz } = moment.kernel;
  return {
    ...HEALTHY,
    monoUs: moment.monoUs,
    jiffies: moment.jiffies,
    passId: 1,
    pending: PENDING.RETRANS,
    hasRtoStamp: true,
    sndNxt: 1512,
    writeSeq: 1512,
    rcvNxt: 1,
    copiedSeq: 1,
    packetsOut: 1,
    rtoJiffies: 0,
    rtoMinJiffies: 0,
    segsOut: 10,
    dataSegsOut: 5,
    dataSegsIn: 5,
    bytesSent: 512,
    bytesAcked: 0,
    bytesReceived: 0,
    rcvTstampJiffies32: moment.jiffies32(0),
    lrcvtimeJiffies32: moment.jiffies32(0),
    lsndtimeJiffies32: moment.jiffies32(0),
    sysctls: {
      ...HEALTHY.sysctls,
      keepaliveTimeJiffies: 7200 * hz,
      keepaliveIntvlJiffies: 75 * hz,
      finTimeoutJiffies: 60 * hz,
    },
  };
}
