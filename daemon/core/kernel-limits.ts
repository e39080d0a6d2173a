/**
 * The limits of net/ipv4/tcp_timer.c, one function per function there. Which limit holds for which socket is decided in
 * the `give-up-*` files.
 */
import { jiffiesToMs, msToJiffies, usToJiffies } from './jiffies.js';
import { CA_STATE, PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';

/**
 * A forecast that needs more ticks than this is not made: a user timeout of weeks together with an RTO limit of one
 * second would cost milliseconds of computation per snapshot, and any local user can set both.
 */
export const TICKS_MAX = 4096;

/**
 * A tick that misses its limit by less than this can still meet it: timers run late under load, by tens of
 * milliseconds on a node where many connections time out together.
 */
export const BISTABLE_MS = 200;

/**
 * From the edge of the tick to the first instruction of a timer handler. The kernel floors its clock to milliseconds;
 * reckoned at the edge itself it would be one millisecond short whenever a millisecond begins just after the edge.
 */
const HANDLER_LATENCY_US = 50;

/** `TCP_THIN_LINEAR_RETRIES`. */
const THIN_LINEAR_RETRIES = 6;

/** `TCP_INFINITE_SSTHRESH`. */
const INFINITE_SSTHRESH = 0x7fffffff;

/** What of a socket changes from one expiry of the RTO timer to the next, while the peer stays silent. */
export interface RtoEpisode {
  /** The jiffy in which the handler runs. */
  readonly jiffy: number;
  /** CLOCK_MONOTONIC as that handler reads it. */
  readonly nowUs: number;
  readonly rtoJiffies: number;
  readonly retransmits: number;
  readonly totalRto: number;
  /** As in the snapshot: u32, 0 if nothing was retransmitted yet. */
  readonly retransStamp: number;
  /** Transmissions since the snapshot. */
  readonly transmissions: number;
}

/** @returns CLOCK_MONOTONIC as a handler reads it that runs in the tick beginning at `edgeUs`. */
export function handlerTimeUs(edgeUs: number): number {
  return edgeUs + HANDLER_LATENCY_US;
}

/** `tcp_rto_max()`: a field since 6.15, the constant 120 s before. */
export function rtoMaxJiffies(socket: Pick<SocketSnapshot, 'rtoMaxJiffies'>, hz: number): number {
  return socket.rtoMaxJiffies > 0 ? socket.rtoMaxJiffies : 120 * hz;
}

/** `TCP_RTO_MIN`, 200 ms, which is the base of the model whatever the socket's own minimum. */
export function modelBaseJiffies(hz: number): number {
  return Math.floor(hz / 5);
}

/**
 * `tcp_model_timeout()`: how long `boundary` retransmissions would take with `baseJiffies` as first RTO.
 * @returns milliseconds.
 */
export function modelTimeoutMs(boundary: number, baseJiffies: number, maxJiffies: number, hz: number): number {
  const doublings = Math.floor(Math.log2(Math.floor(maxJiffies / baseJiffies)));
  const linear = Math.max(0, boundary - doublings);
  return jiffiesToMs((2 ** (Math.min(boundary, doublings) + 1) - 1) * baseJiffies + linear * maxJiffies, hz);
}

/** `tcp_orphan_retries()`. `alive`: the RTO has not reached its maximum. */
export function orphanRetries(socket: SocketSnapshot, alive: boolean): number {
  if (socket.skErrSoft !== 0 && !alive) {
    return 0;
  }
  const retries = socket.sysctls.orphanRetries;
  return retries === 0 && alive ? 8 : retries;
}

/** @returns what the kernel stores as `retrans_stamp` when a first retransmission leaves at `nowUs`. */
export function retransStampAt(socket: SocketSnapshot, nowUs: number): number {
  return (socket.usecStamps ? nowUs : Math.floor(nowUs / 1000)) >>> 0;
}

/** @returns milliseconds from `retransStamp` to `nowUs`, in the kernel's wrapping 32-bit arithmetic. */
export function elapsedMs(socket: SocketSnapshot, retransStamp: number, nowUs: number): number {
  const elapsed = (retransStampAt(socket, nowUs) - retransStamp) >>> 0;
  return socket.usecStamps ? Math.floor(elapsed / 1000) : elapsed;
}

/**
 * `retransmits_timed_out()` as a margin. It is compared only where `icsk_retransmits` is not 0.
 * @returns milliseconds past the limit; negative while there is time left.
 */
export function overdueMs(socket: SocketSnapshot, episode: RtoEpisode, limitMs: number, hz: number): number {
  if (socket.usecStamps) {
    const toleranceUs = Math.floor(1_000_000 / hz);
    return ((episode.nowUs + toleranceUs - episode.retransStamp - limitMs * 1000) | 0) / 1000;
  }
  return (Math.floor(episode.nowUs / 1000) - episode.retransStamp - limitMs) | 0;
}

/** `tcp_clamp_rto_to_user_timeout()`: the last delay is cut so that the timer runs as the user timeout passes. */
export function clampRtoToUserTimeout(
  socket: SocketSnapshot,
  episode: RtoEpisode,
  rtoJiffies: number,
  hz: number,
): number {
  if (socket.userTimeoutMs === 0) {
    return rtoJiffies;
  }
  const remainingMs = (socket.userTimeoutMs - elapsedMs(socket, episode.retransStamp, episode.nowUs)) | 0;
  return remainingMs <= 0 ? 1 : Math.min(rtoJiffies, msToJiffies(remainingMs, hz));
}

/** The end of `tcp_retransmit_timer()`: the RTO that follows a retransmission. */
export function backedOffRtoJiffies(socket: SocketSnapshot, episode: RtoEpisode, hz: number): number {
  const maxJiffies = rtoMaxJiffies(socket, hz);
  if (isThin(socket) && episode.retransmits <= THIN_LINEAR_RETRIES) {
    const fresh = usToJiffies(socket.srttUs + socket.rttvarUs, hz);
    return Math.min(Math.max(fresh, socket.rtoMinJiffies), maxJiffies);
  }
  if (socket.state === TCP_STATE.SYN_SENT && episode.totalRto <= socket.sysctls.synLinearTimeouts) {
    return episode.rtoJiffies;
  }
  return Math.min(episode.rtoJiffies * 2, maxJiffies);
}

/** `tcp_stream_is_thin()` where thin streams have linear timeouts. */
export function isThin(socket: SocketSnapshot): boolean {
  // The first RTO makes ssthresh finite, with every congestion control but BBR.
  const inInitialSlowStart = socket.sndSsthresh >= INFINITE_SSTHRESH && socket.retransmits > 0;
  return (
    socket.state === TCP_STATE.ESTABLISHED &&
    (socket.thinLto || socket.sysctls.thinLinearTimeouts) &&
    socket.packetsOut < 4 &&
    !inInitialSlowStart
  );
}

/** @returns true if the snapshot was taken inside the RTO timer: sent, but neither backed off nor armed again yet. */
export function isInsideRtoTimer(socket: SocketSnapshot): boolean {
  return socket.cause === 'retransmit' && socket.pending === PENDING.NONE && socket.caState === CA_STATE.LOSS;
}

/** @returns true if ICMP errors took back doublings of the RTO (RFC 6069): its timer then fires ahead of its time. */
export function hasLostDoublings(socket: SocketSnapshot): boolean {
  const isLinear = isThin(socket) || socket.state === TCP_STATE.SYN_SENT;
  return !isLinear && socket.retransmits > socket.backoff + 1;
}
