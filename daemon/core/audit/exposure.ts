/**
 * How long an application would wait if the peer of one of its connections vanished, without a FIN or a RST: the give-up
 * model, played from a connection that is healthy still. What is told is the longest wait, whatever the timer wheel does: it
 * follows from options, sysctls and the round trip alone, and is the same in every audit. Timeouts of the application itself
 * cannot be seen from outside; where it has some, it may learn of it sooner.
 */
import { forecastGiveUp } from '../give-up.js';
import { msToJiffies, tickClock, usToJiffies, type TickClock } from '../jiffies.js';
import { keepaliveIdleJiffies, keepaliveIntervalJiffies } from '../keepalive-probes.js';
import { rtoMaxJiffies } from '../kernel-limits.js';
import type { GiveUp } from '../record.js';
import { PENDING, type ClockReport, type KernelFacts, type SocketSnapshot } from '../snapshot.js';
import { latenessJiffies, queuedTimer } from '../timer-wheel.js';

/** Microseconds, at worst each; Infinity: never. */
export interface Exposure {
  /** From a segment that is sent and never acknowledged to the end of the connection. */
  readonly inFlightUs: number;
  /** From the last sign of life of the peer to the end of the connection, if nothing is sent after it. */
  readonly idleUs: number;
  /** From the last sign of life of the peer to the first keepalive probe. */
  readonly firstProbeUs: number;
  /** To the second, if the first is not answered. */
  readonly secondProbeUs: number;
}

/** `tcp_early_retrans`: the values with which tail loss probes are sent. */
const LOSS_PROBE_SYSCTLS: ReadonlySet<number> = new Set([3, 4]);

/** A jiffy at which buckets of all levels begin, and the moment at which it does; any would do. */
const ORIGIN_JIFFY = 8 ** 10;
const ORIGIN_US = 1_000_000_000;

/** @param socket an established connection; what it does at the moment does not matter. */
export function exposureOf(socket: SocketSnapshot, kernel: KernelFacts): Exposure {
  const quiet = atRest(socket);
  const { hz } = kernel;
  const [first, second] = socket.keepalive ? probeJiffies(socket) : [Infinity, Infinity];
  return {
    inFlightUs: inFlightUs(quiet, kernel),
    idleUs: idleUs(quiet, kernel),
    firstProbeUs: (first * 1_000_000) / hz,
    secondProbeUs: (second * 1_000_000) / hz,
  };
}

/** When the first two probes run at the latest. */
function probeJiffies(socket: SocketSnapshot): readonly [number, number] {
  const first = longestJiffies(keepaliveIdleJiffies(socket));
  return [first, first + longestJiffies(keepaliveIntervalJiffies(socket))];
}

function longestJiffies(delayJiffies: number): number {
  return delayJiffies + latenessJiffies(delayJiffies);
}

/** The chain of retransmissions ends up to a bucket of its longest wait sooner or later, depending on when it begins. */
function inFlightUs(quiet: SocketSnapshot, kernel: KernelFacts): number {
  const clock = clockAt(ORIGIN_JIFFY);
  let before = ORIGIN_JIFFY;
  let longestWait = 1;
  const onTransmission = (jiffy: number): void => {
    longestWait = Math.max(longestWait, jiffy - before);
    before = jiffy;
  };
  const sending = withSegmentInFlight(placed(quiet, clock), tickClock(kernel, clock));
  const giveUp = forecastGiveUp(sending, kernel, clock, { onTransmission });
  return waitUs(giveUp) + (latenessJiffies(longestWait) * 1_000_000) / kernel.hz;
}

/** Played from where the first timer runs as late as it can, which shifts all that follow. */
function idleUs(quiet: SocketSnapshot, kernel: KernelFacts): number {
  const idle = keepaliveIdleJiffies(quiet);
  const clock = clockAt(ORIGIN_JIFFY - idle);
  const longestUs = waitUs(forecastGiveUp(justHeard(placed(quiet, clock)), kernel, clock));
  if (longestUs === Infinity) {
    return Infinity;
  }
  const tickUs = 1_000_000 / kernel.hz;
  const interval = keepaliveIntervalJiffies(quiet);
  const [lateness, stepLateness] = [latenessJiffies(idle), latenessJiffies(interval)];
  // Where the buckets of the interval are the larger ones, the second timer has a lateness of its own.
  const laterUs = stepLateness > lateness ? longestUs + stepLateness * tickUs : longestUs;
  if (quiet.userTimeoutMs === 0) {
    return laterUs;
  }
  // A first timer that runs earlier may let the tick that now finds the user timeout passed just miss it: then it takes one
  // interval more.
  const limit = msToJiffies(quiet.userTimeoutMs, kernel.hz);
  const mayMiss = longestUs / tickUs - limit < lateness;
  return mayMiss ? Math.max(laterUs, (limit + longestJiffies(interval)) * tickUs) : laterUs;
}

function clockAt(jiffies: number): ClockReport {
  return { jiffies, jiffyEdgeUs: ORIGIN_US, monoUs: ORIGIN_US, realUs: ORIGIN_US, bootUs: ORIGIN_US };
}

function placed(socket: SocketSnapshot, { jiffies, monoUs }: ClockReport): SocketSnapshot {
  return { ...socket, jiffies, monoUs };
}

/** An end too many timers away for the model is none that anybody lives to see. */
function waitUs(giveUp: GiveUp | null): number {
  return giveUp === null || giveUp.never ? Infinity : (giveUp.latestTimeUs ?? giveUp.timeUs) - ORIGIN_US;
}

/** The connection with all that it sent acknowledged, whatever it does at the moment. */
function atRest(socket: SocketSnapshot): SocketSnapshot {
  return {
    ...socket,
    retransmits: 0,
    probesOut: 0,
    retransStamp: 0,
    packetsOut: 0,
    sndNxt: socket.writeSeq,
    // A closed window would be probed for as long as retransmissions go on: by the same limit.
    sndWnd: Math.max(socket.sndWnd, socket.mss, 1),
  };
}

/**
 * As if it sent one segment now: `tcp_schedule_loss_probe()`, or where there are no tail loss probes the RTO. Whether the peer
 * takes SACK, without which there are none either, is not known: the wait is then shorter by one probe.
 */
function withSegmentInFlight(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const rtoJiffies = freshRtoJiffies(socket, ticks.hz);
  const probes = LOSS_PROBE_SYSCTLS.has(socket.sysctls.earlyRetrans);
  return {
    ...socket,
    packetsOut: 1,
    writeSeq: (socket.writeSeq + 1) >>> 0,
    sndNxt: (socket.sndNxt + 1) >>> 0,
    rtoJiffies,
    pending: probes ? PENDING.LOSS_PROBE : PENDING.RETRANS,
    writeTimer: queuedTimer(
      socket.jiffies,
      probes ? Math.min(lossProbeJiffies(socket, ticks.hz), rtoJiffies) : rtoJiffies,
    ),
  };
}

/** With one segment in flight the probe also waits for a delayed ACK; without a measured round trip it is `TCP_TIMEOUT_INIT`. */
function lossProbeJiffies({ srttUs, rtoMinJiffies }: SocketSnapshot, hz: number): number {
  return srttUs === 0 ? hz : usToJiffies(2 * srttUs, hz) + rtoMinJiffies;
}

/** `__tcp_set_rto()`: without what a retransmission going on now has added. */
function freshRtoJiffies(socket: SocketSnapshot, hz: number): number {
  if (socket.srttUs === 0) {
    return socket.rtoJiffies;
  }
  const jiffies = usToJiffies(socket.srttUs + socket.rttvarUs, hz);
  return Math.min(Math.max(jiffies, socket.rtoMinJiffies, 1), rtoMaxJiffies(socket, hz));
}

/** As if the peer had acknowledged something just now. */
function justHeard(socket: SocketSnapshot): SocketSnapshot {
  const now32 = socket.jiffies >>> 0;
  return {
    ...socket,
    rcvTstampJiffies32: now32,
    lrcvtimeJiffies32: now32,
    keepaliveTimer: queuedTimer(socket.jiffies, keepaliveIdleJiffies(socket)),
  };
}
