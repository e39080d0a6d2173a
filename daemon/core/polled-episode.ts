/**
 * When an episode of retransmissions or probes began, which BPF reads as `retrans_stamp` and `rto_stamp` and sock_diag does
 * not tell. Linux 6.7 tells how long a socket has spent in timeouts; before, the beginning is reckoned back from the timer
 * that runs, as the doubling of the RTO says.
 */
import { jiffyStartUs, msToJiffies, type TickClock } from './jiffies.js';
import { firstRtoUs } from './rto-ladder.js';
import type { PolledSocket } from './polled-socket.js';
import { TCP_STATE, PENDING, type SocketSnapshot } from './snapshot.js';
import { windowProbeSentUs } from './give-up-window-probe.js';

/** `tcpi_total_rto_time` and its end in `struct tcp_info`. */
const INFO_SIZE_WITH_RTO_TIME = 248;

/** `TCP_TIMEOUT_INIT`: the first SYN is sent again after one second. */
const SYN_TIMEOUT_MS = 1000;

export type Episode = Pick<
  SocketSnapshot,
  'retransStamp' | 'rtoStampMs' | 'hasRtoStamp' | 'usecStamps' | 'totalRto' | 'probesTstampJiffies32'
>;

const NO_EPISODE: Episode = {
  retransStamp: 0,
  rtoStampMs: 0,
  hasRtoStamp: false,
  usecStamps: false,
  totalRto: 0,
  probesTstampJiffies32: 0,
};

/**
 * @param socket what is known of the socket but for its episode.
 * @param previous the look before this one, at the same socket, its sequence numbers in the same space.
 */
export function polledEpisode(
  socket: SocketSnapshot,
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  ticks: TickClock,
): Episode {
  const before = previous !== null && isSameEpisode(previous, socket) ? previous : null;
  if (socket.pending === PENDING.PROBE0) {
    return { ...NO_EPISODE, probesTstampJiffies32: firstProbeStamp(socket, before, ticks) };
  }
  if (socket.state === TCP_STATE.SYN_SENT || isRetransmitted(socket)) {
    return retransmitted(socket, polled, before, ticks);
  }
  return NO_EPISODE;
}

function isRetransmitted({ packetsOut, retransmits, sndWnd, backoff }: SocketSnapshot): boolean {
  return packetsOut > 0 && (retransmits > 0 || (sndWnd === 0 && backoff > 0));
}

/** Nothing was acknowledged in between, and no count has begun anew. */
function isSameEpisode(before: SocketSnapshot, now: SocketSnapshot): boolean {
  return (
    before.sndUna === now.sndUna &&
    before.retransmits <= now.retransmits &&
    before.backoff <= now.backoff &&
    before.pending !== PENDING.NONE &&
    (before.pending === PENDING.PROBE0) === (now.pending === PENDING.PROBE0)
  );
}

function retransmitted(
  socket: SocketSnapshot,
  polled: PolledSocket,
  before: SocketSnapshot | null,
  ticks: TickClock,
): Episode {
  const toldMs = toldFirstRtoMs(socket, polled);
  const totalRto = Math.max(polled.totalRto, socket.retransmits);
  if (before !== null && before.retransStamp !== 0) {
    const { retransStamp, usecStamps, hasRtoStamp, rtoStampMs } = before;
    // Read later than written: of two looks the earlier stamp is the better one.
    const isBetter = before.polled && toldMs !== null && ((rtoStampMs - toldMs) | 0) > 0;
    if (!isBetter) {
      return { ...NO_EPISODE, retransStamp, usecStamps, hasRtoStamp, rtoStampMs, totalRto };
    }
  }
  const firstMs = toldMs ?? reckonedFirstRtoMs(socket, ticks);
  const stampMs = socket.state === TCP_STATE.SYN_SENT ? connectMs(socket, firstMs) : firstMs;
  return {
    ...NO_EPISODE,
    retransStamp: Math.floor(stampMs) >>> 0 || 1,
    rtoStampMs: toldMs === null ? 0 : toldMs >>> 0,
    hasRtoStamp: toldMs !== null,
    totalRto,
  };
}

/**
 * `tcpi_total_rto_time` holds the time of all episodes: in the first one it is the time since its first RTO, to the
 * millisecond.
 */
function toldFirstRtoMs({ monoUs, retransmits }: SocketSnapshot, polled: PolledSocket): number | null {
  const isFirst = polled.infoSize >= INFO_SIZE_WITH_RTO_TIME && polled.totalRtoRecoveries === 1 && retransmits > 0;
  return isFirst ? Math.floor(monoUs / 1000) - polled.totalRtoTimeMs : null;
}

function reckonedFirstRtoMs(socket: SocketSnapshot, ticks: TickClock): number {
  if (socket.retransmits === 0 && socket.state !== TCP_STATE.SYN_SENT) {
    // Behind a window that shrank only the backoff is counted.
    return firstRtoUs({ ...socket, retransmits: socket.backoff }, ticks) / 1000;
  }
  return firstRtoUs(socket, ticks) / 1000;
}

/** connect(), which is what `retrans_stamp` holds in SYN_SENT. Before the first RTO the running timer tells it. */
function connectMs(socket: SocketSnapshot, firstRtoMs: number): number {
  return socket.retransmits === 0 ? firstRtoMs : firstRtoMs - SYN_TIMEOUT_MS;
}

/** The first unanswered probe of the closed window; 0: none, or its time is not known. */
function firstProbeStamp(socket: SocketSnapshot, before: SocketSnapshot | null, ticks: TickClock): number {
  if (before !== null && before.probesTstampJiffies32 !== 0) {
    return before.probesTstampJiffies32;
  }
  // A peer that answered has taken back the count, and not the backoff.
  const isWhole = socket.probesOut > 0 && socket.probesOut === socket.backoff;
  const sentUs = isWhole ? windowProbeSentUs(socket, 1, ticks) : null;
  if (sentUs === null) {
    return 0;
  }
  const ago = msToJiffies((jiffyStartUs(socket.jiffies, ticks) - sentUs) / 1000, ticks.hz);
  return (socket.jiffies - ago) >>> 0;
}
