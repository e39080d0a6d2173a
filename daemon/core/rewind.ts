/**
 * A stuck socket as it was when nothing had gone unanswered yet, as far as that can be told from what it is now. Played
 * forward from there, the give-up model repeats what has happened, or tells what would have happened otherwise.
 */
import { windowProbeDelayJiffies, isProbingWindow } from './give-up-window-probe.js';
import { extendJiffies32, jiffyStartUs, type TickClock } from './jiffies.js';
import { hasNothingToSend, keepaliveIdleJiffies } from './keepalive-probes.js';
import { isInsideRtoTimer, rtoMaxJiffies } from './kernel-limits.js';
import { lastHeardUs, retransStampUs } from './kernel-time.js';
import type { Observation } from './observation.js';
import type { Turn } from './play-forward.js';
import { firstRtoUs, initialRtoJiffies } from './rto-ladder.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { queuedTimer } from './timer-wheel.js';

/** Stamps of milliseconds are rounded down: up to this much before the tick in which they were taken. */
const STAMP_ROUNDING_US = 999;

export interface Beginning {
  readonly socket: SocketSnapshot;
  /** Set where the owner closed the socket meanwhile. */
  readonly turn: Turn | null;
}

/** @returns the beginning of the present episode; the socket itself where none has begun. */
export function rewound({ socket, closedUs }: Observation, ticks: TickClock): Beginning {
  const start = startOf(socket, ticks);
  // An orphan was none before its owner closed it, and other limits held.
  return start.dead && closedUs !== null && closedUs > start.monoUs
    ? { socket: { ...start, dead: false }, turn: { fromUs: closedUs, socket: start } }
    : { socket: start, turn: null };
}

function startOf(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  if (retransmitsAlready(socket)) {
    return beforeFirstRto(socket, ticks);
  }
  if (socket.pending === PENDING.PROBE0 && isProbingWindow(socket)) {
    return socket.probesOut > 0 ? afterFirstWindowProbe(socket, ticks) : socket;
  }
  return hasNothingToSend(socket) && socket.keepalive && !socket.dead ? beforeFirstProbe(socket, ticks) : socket;
}

/** Behind a window that shrank to zero the kernel retransmits without counting. */
function retransmitsAlready(socket: SocketSnapshot): boolean {
  const counted = socket.retransmits > 0 || isInsideRtoTimer(socket);
  return socket.packetsOut > 0 && (counted || (socket.sndWnd === 0 && socket.backoff > 0));
}

/** One tick before the first RTO: what it does then is the kernel's own arithmetic. */
function beforeFirstRto(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const firstUs = socket.retransmits > 0 ? firstRtoUs(socket, ticks) : (retransStampUs(socket) ?? socket.monoUs);
  const first = jiffyOfStamp(firstUs, ticks);
  return {
    ...seenAt(socket, first - 1, ticks),
    pending: PENDING.RETRANS,
    retransmits: 0,
    backoff: 0,
    totalRto: 0,
    rtoJiffies: rtoBeforeBackoffJiffies(socket, ticks),
    writeTimer: { pending: true, expiresJiffies32: (first - 1) >>> 0, flags: 0 },
  };
}

/** `icsk_rto` is doubled together with `icsk_backoff`, up to its maximum, where it forgets how it began. */
function rtoBeforeBackoffJiffies(socket: SocketSnapshot, ticks: TickClock): number {
  if (socket.rtoJiffies < rtoMaxJiffies(socket, ticks.hz)) {
    return Math.max(1, Math.round(socket.rtoJiffies / 2 ** socket.backoff));
  }
  return socket.state === TCP_STATE.SYN_SENT ? ticks.hz : initialRtoJiffies(socket, ticks);
}

/**
 * The first probe itself is not repeated: without an unanswered probe the snapshot would be that of a peer which answers
 * (see `forecastWindowProbe`).
 */
function afterFirstWindowProbe(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const { hz } = ticks;
  const answered = Math.max(0, socket.backoff - socket.probesOut);
  const delay = windowProbeDelayJiffies(socket, answered + 1, hz);
  const first = firstWindowProbeJiffy(socket, answered, hz);
  return {
    ...seenAt(socket, first, ticks),
    probesOut: 1,
    backoff: answered + 1,
    writeTimer: queuedTimer(first, delay),
  };
}

/** Counted back from the timer that runs. `answered`: steps of the backoff that are older than the first probe. */
function firstWindowProbeJiffy(socket: SocketSnapshot, answered: number, hz: number): number {
  const around = socket.jiffies;
  if (answered === 0 && socket.probesTstampJiffies32 !== 0) {
    return around - ((around - socket.probesTstampJiffies32) >>> 0);
  }
  const expires = socket.writeTimer.pending ? extendJiffies32(socket.writeTimer.expiresJiffies32, around) : around;
  let first = expires;
  for (let backoff = answered + 1; backoff <= socket.backoff; backoff++) {
    first -= windowProbeDelayJiffies(socket, backoff, hz);
  }
  return Math.min(first, around);
}

/** As if SO_KEEPALIVE had been set when the peer was heard last. */
function beforeFirstProbe(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const start = jiffyOfStamp(lastHeardUs(socket, ticks), ticks);
  return {
    ...seenAt(socket, start, ticks),
    probesOut: 0,
    keepaliveTimer: queuedTimer(start, keepaliveIdleJiffies(socket)),
  };
}

/** @returns the jiffy that ran when a stamp was taken, even if the stamp is rounded down. */
export function jiffyOfStamp(monoUs: number, ticks: TickClock): number {
  return ticks.jiffies + Math.floor(((monoUs + STAMP_ROUNDING_US - ticks.edgeUs) * ticks.hz) / 1_000_000);
}

/** The same socket, looked at in another jiffy, by a pass. */
export function seenAt(socket: SocketSnapshot, jiffies: number, ticks: TickClock): SocketSnapshot {
  return { ...socket, cause: 'sweep', jiffies, monoUs: jiffyStartUs(jiffies, ticks) };
}
