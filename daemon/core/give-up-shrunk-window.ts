/**
 * Forecast for a socket whose peer closed its window with data in flight. `tcp_retransmit_timer()` then neither counts
 * nor looks at tcp_retries2; `tcp_rtx_probe0_timed_out()` ends the socket after twice the RTO limit of silence.
 */
import { timeoutErrorName } from './errno-name.js';
import { extendJiffies32, jiffyStartUs, msToJiffies, type TickClock } from './jiffies.js';
import {
  BISTABLE_MS,
  TICKS_MAX,
  backedOffRtoJiffies,
  clampRtoToUserTimeout,
  elapsedMs,
  handlerTimeUs,
  isInsideRtoTimer,
  retransStampAt,
  rtoMaxJiffies,
  type RtoEpisode,
} from './kernel-limits.js';
import { factsAt, type Play } from './play-forward.js';
import type { GiveUp, GiveUpReason } from './record.js';
import type { SocketSnapshot } from './snapshot.js';
import { armJiffy, fireJiffy } from './timer-wheel.js';

interface Tick {
  readonly episode: RtoEpisode;
  /** What the timer was set to; the handler measures silence up to here, not up to the moment it runs. */
  readonly expiresJiffy: number;
}

/** @returns the end of a socket with a closed window and data in flight; null if it is too many ticks away. */
export function forecastShrunkWindow(socket: SocketSnapshot, ticks: TickClock, play: Play): GiveUp | null {
  let tick = firstTick(socket, ticks);
  let early: Tick | null = null;
  for (let count = 0; count < TICKS_MAX; count++) {
    const facts = factsAt(socket, play, tick.episode.nowUs);
    const { reason, overdueMs } = probeTimedOut(facts, tick, ticks);
    if (overdueMs > 0) {
      return {
        never: false,
        timeUs: jiffyStartUs((early ?? tick).episode.jiffy, ticks),
        latestTimeUs: early === null ? null : jiffyStartUs(tick.episode.jiffy, ticks),
        reason,
        retransmitsLeft: tick.episode.transmissions,
        expectedError: timeoutErrorName(socket.skErrSoft),
      };
    }
    if (overdueMs > -BISTABLE_MS) {
      early ??= tick;
    }
    play.onTransmission?.(tick.episode.jiffy);
    tick = armed(facts, sent(facts, tick.episode), ticks);
  }
  return null;
}

/** `tcp_rtx_probe0_timed_out()`, as a margin: positive milliseconds end the socket. */
function probeTimedOut(
  socket: SocketSnapshot,
  tick: Tick,
  ticks: TickClock,
): { reason: GiveUpReason; overdueMs: number } {
  const { hz } = ticks;
  const maxJiffies = 2 * rtoMaxJiffies(socket, hz);
  const userJiffies = socket.userTimeoutMs > 0 ? msToJiffies(socket.userTimeoutMs, hz) : Infinity;
  const limitJiffies = Math.min(maxJiffies, userJiffies);
  const unacknowledgedMs = elapsedMs(socket, tick.episode.retransStamp || headStamp(socket, ticks), tick.episode.nowUs);
  const silentJiffies = tick.expiresJiffy - extendJiffies32(socket.rcvTstampJiffies32, socket.jiffies);
  const overdueJiffies = Math.min(silentJiffies, msToJiffies(unacknowledgedMs, hz)) - limitJiffies;
  const bySilence = (overdueJiffies * 1000) / hz;
  // The user timeout also counts against a peer that keeps answering with a closed window.
  const byUser = socket.userTimeoutMs > 0 ? unacknowledgedMs - socket.userTimeoutMs : -Infinity;
  const reason = userJiffies <= maxJiffies ? 'user_timeout' : 'shrunk_window';
  return byUser > bySilence ? { reason: 'user_timeout', overdueMs: byUser } : { reason, overdueMs: bySilence };
}

/** When the head of the queue was sent, as a stamp; the last transmission of the socket stands for it. */
function headStamp(socket: SocketSnapshot, ticks: TickClock): number {
  const sentJiffy = extendJiffies32(socket.lsndtimeJiffies32, socket.jiffies);
  return retransStampAt(socket, jiffyStartUs(sentJiffy, ticks));
}

function firstTick(socket: SocketSnapshot, ticks: TickClock): Tick {
  const inside = isInsideRtoTimer(socket);
  const jiffy = !inside && socket.writeTimer.pending ? fireJiffy(socket.writeTimer, socket.jiffies) : socket.jiffies;
  const episode: RtoEpisode = {
    jiffy,
    nowUs: inside ? socket.monoUs : handlerTimeUs(jiffyStartUs(jiffy, ticks)),
    rtoJiffies: socket.rtoJiffies,
    retransmits: socket.retransmits,
    totalRto: socket.totalRto,
    retransStamp: socket.retransStamp,
    transmissions: 0,
  };
  if (inside) {
    return armed(socket, { ...sent(socket, episode), transmissions: 0 }, ticks);
  }
  return { episode, expiresJiffy: extendJiffies32(socket.writeTimer.expiresJiffies32, socket.jiffies) };
}

function sent(socket: SocketSnapshot, episode: RtoEpisode): RtoEpisode {
  return {
    ...episode,
    retransStamp: episode.retransStamp || retransStampAt(socket, episode.nowUs),
    transmissions: episode.transmissions + 1,
  };
}

function armed(socket: SocketSnapshot, episode: RtoEpisode, ticks: TickClock): Tick {
  const rtoJiffies = backedOffRtoJiffies(socket, episode, ticks.hz);
  const delay = clampRtoToUserTimeout(socket, episode, rtoJiffies, ticks.hz);
  const jiffy = armJiffy(episode.jiffy, delay);
  return {
    episode: { ...episode, rtoJiffies, jiffy, nowUs: handlerTimeUs(jiffyStartUs(jiffy, ticks)) },
    expiresJiffy: episode.jiffy + delay,
  };
}
