/**
 * How long an application would wait if the peer of one of its connections vanished now, without a FIN or a RST: the
 * give-up model, played from a connection that is healthy still. Timeouts of the application itself cannot be seen from
 * outside; where it has some, it may learn of it sooner.
 */
import { forecastGiveUp } from '../give-up.js';
import { tickClock, usToJiffies, type TickClock } from '../jiffies.js';
import { keepaliveIdleJiffies } from '../keepalive-probes.js';
import { rtoMaxJiffies } from '../kernel-limits.js';
import { CA_STATE, PENDING, type ClockReport, type KernelFacts, type SocketSnapshot } from '../snapshot.js';
import { queuedTimer } from '../timer-wheel.js';

/** Microseconds until the kernel tells the application, at worst; Infinity: it never does. */
export interface Exposure {
  /** From a segment that is sent now and never acknowledged. */
  readonly inFlightUs: number;
  /** From the last sign of life of the peer, if nothing is sent after it. */
  readonly idleUs: number;
  /** Unanswered keepalive probes after which an idle connection ends; 0 where none ends it. */
  readonly probes: number;
}

/** `tcp_early_retrans`: the values with which tail loss probes are sent. */
const LOSS_PROBE_SYSCTLS: ReadonlySet<number> = new Set([3, 4]);

/** @param socket an established connection */
export function exposureOf(socket: SocketSnapshot, kernel: KernelFacts, clock: ClockReport): Exposure {
  const ticks = tickClock(kernel, clock);
  const quiet = atRest(socket);
  const inFlight = forecastGiveUp(withSegmentInFlight(quiet, ticks), kernel, clock);
  const idle = forecastGiveUp(justHeard(quiet), kernel, clock);
  return {
    inFlightUs: waitUs(inFlight, socket),
    idleUs: waitUs(idle, socket),
    probes: idle?.never === false ? idle.retransmitsLeft : 0,
  };
}

/** An end too many timers away for the model is none that anybody lives to see. */
function waitUs(giveUp: ReturnType<typeof forecastGiveUp>, { monoUs }: SocketSnapshot): number {
  return giveUp === null || giveUp.never ? Infinity : (giveUp.latestTimeUs ?? giveUp.timeUs) - monoUs;
}

/** The connection with all that it sent acknowledged, whatever it does at the moment. */
function atRest(socket: SocketSnapshot): SocketSnapshot {
  return {
    ...socket,
    caState: CA_STATE.OPEN,
    pending: PENDING.NONE,
    retransmits: 0,
    backoff: 0,
    probesOut: 0,
    totalRto: 0,
    retransStamp: 0,
    skErrSoft: 0,
    packetsOut: 0,
    sackedOut: 0,
    sndUna: socket.writeSeq,
    sndNxt: socket.writeSeq,
    // A closed window would be probed for as long as retransmissions go on: by the same limit.
    sndWnd: Math.max(socket.sndWnd, socket.mss, 1),
    tlpRetrans: false,
  };
}

/** As if it sent one segment now: `tcp_schedule_loss_probe()`, or where there are no tail loss probes the RTO. */
function withSegmentInFlight(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const rtoJiffies = freshRtoJiffies(socket, ticks.hz);
  const probes = LOSS_PROBE_SYSCTLS.has(socket.sysctls.earlyRetrans);
  // With one segment in flight the probe also waits for a delayed ACK.
  const probeJiffies = usToJiffies(2 * socket.srttUs, ticks.hz) + socket.rtoMinJiffies;
  return {
    ...socket,
    packetsOut: 1,
    writeSeq: (socket.writeSeq + 1) >>> 0,
    sndNxt: (socket.sndNxt + 1) >>> 0,
    rtoJiffies,
    pending: probes ? PENDING.LOSS_PROBE : PENDING.RETRANS,
    writeTimer: queuedTimer(socket.jiffies, probes ? Math.min(probeJiffies, rtoJiffies) : rtoJiffies),
  };
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
