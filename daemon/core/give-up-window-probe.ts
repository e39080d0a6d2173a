/**
 * Forecast for a socket that waits for the peer to open its window, with nothing in flight: the persist timer,
 * `tcp_probe_timer()` and `tcp_send_probe0()`. A FIN that waits behind a closed window hangs here too.
 */
import { timeoutErrorName } from './errno-name.js';
import { extendJiffies32, jiffyStartUs, msToJiffies, type TickClock } from './jiffies.js';
import { BISTABLE_MS, TICKS_MAX, modelBaseJiffies, orphanRetries, rtoMaxJiffies } from './kernel-limits.js';
import { factsAt, finalFacts, type Play } from './play-forward.js';
import type { GiveUp, GiveUpReason } from './record.js';
import type { SocketSnapshot } from './snapshot.js';
import { armJiffy, fireJiffy } from './timer-wheel.js';

/** `TCP_TIMEOUT_MIN`, jiffies. */
const TIMEOUT_MIN_JIFFIES = 2;

interface Probing {
  readonly jiffy: number;
  readonly probesOut: number;
  readonly backoff: number;
  /** Jiffy of the first probe, null before it. */
  readonly startJiffy: number | null;
  readonly transmissions: number;
}

/** @returns true if the socket probes a closed window; the same timer also serves TCP_CORK and small segments. */
export function isProbingWindow(socket: SocketSnapshot): boolean {
  return (
    socket.packetsOut === 0 &&
    socket.writeSeq !== socket.sndNxt &&
    (socket.sndWnd === 0 || socket.probesOut > 0 || socket.backoff > 0)
  );
}

/** @returns the end of a socket that probes a closed window; `never` while the peer answers the probes. */
export function forecastWindowProbe(socket: SocketSnapshot, ticks: TickClock, play: Play): GiveUp | null {
  if (isAnswered(finalFacts(socket, play))) {
    return { never: true };
  }
  let probing = firstProbe(socket, ticks);
  let earlyJiffy: number | null = null;
  for (let tick = 0; tick < TICKS_MAX; tick++) {
    const facts = factsAt(socket, play, jiffyStartUs(probing.jiffy, ticks));
    const { reason, overdueJiffies } = probeTimer(facts, probing, ticks);
    if (overdueJiffies >= 0) {
      return {
        never: false,
        timeUs: jiffyStartUs(earlyJiffy ?? probing.jiffy, ticks),
        latestTimeUs: earlyJiffy === null ? null : jiffyStartUs(probing.jiffy, ticks),
        reason,
        retransmitsLeft: probing.transmissions,
        expectedError: timeoutErrorName(socket.skErrSoft),
      };
    }
    if (overdueJiffies > -msToJiffies(BISTABLE_MS, ticks.hz)) {
      earlyJiffy ??= probing.jiffy;
    }
    play.onTransmission?.(probing.jiffy);
    probing = probed(facts, probing, ticks);
  }
  return null;
}

/** Every answer zeroes the count of probes but not the backoff. An orphan and a user timeout end it all the same. */
function isAnswered(socket: SocketSnapshot): boolean {
  return socket.probesOut === 0 && socket.backoff > 0 && !socket.dead && socket.userTimeoutMs === 0;
}

function firstProbe(socket: SocketSnapshot, ticks: TickClock): Probing {
  const jiffy = socket.writeTimer.pending ? fireJiffy(socket.writeTimer, socket.jiffies) : socket.jiffies;
  return {
    jiffy,
    probesOut: socket.probesOut,
    backoff: socket.backoff,
    startJiffy:
      socket.probesTstampJiffies32 === 0 ? null : extendJiffies32(socket.probesTstampJiffies32, ticks.jiffies),
    transmissions: 0,
  };
}

/** `tcp_probe_timer()`: 0 or more ends the socket; a decision by count has no nearness. */
function probeTimer(
  socket: SocketSnapshot,
  probing: Probing,
  ticks: TickClock,
): { reason: GiveUpReason; overdueJiffies: number } {
  const reason: GiveUpReason = socket.dead ? 'orphan_retries' : 'tcp_retries2';
  const untilUserTimeout = userTimeoutLeftJiffies(socket, probing, ticks);
  if (untilUserTimeout !== null && untilUserTimeout <= 0) {
    return { reason: 'user_timeout', overdueJiffies: -untilUserTimeout };
  }
  if (hasUsedUpProbes(socket, probing, ticks)) {
    return { reason, overdueJiffies: 0 };
  }
  return { reason, overdueJiffies: untilUserTimeout === null ? -Infinity : -untilUserTimeout };
}

function hasUsedUpProbes(socket: SocketSnapshot, probing: Probing, ticks: TickClock): boolean {
  if (!socket.dead) {
    return probing.probesOut >= socket.sysctls.retries2;
  }
  const alive = socket.rtoJiffies * 2 ** probing.backoff < rtoMaxJiffies(socket, ticks.hz);
  const probesMax = orphanRetries(socket, alive);
  return (!alive && probing.backoff >= probesMax) || probing.probesOut >= probesMax;
}

function userTimeoutLeftJiffies(socket: SocketSnapshot, probing: Probing, ticks: TickClock): number | null {
  if (socket.userTimeoutMs === 0 || probing.startJiffy === null) {
    return null;
  }
  return msToJiffies(socket.userTimeoutMs, ticks.hz) - (probing.jiffy - probing.startJiffy);
}

/** `tcp_send_probe0()`, with `tcp_probe0_when()` and `tcp_clamp_probe0_to_user_timeout()`. */
function probed(socket: SocketSnapshot, probing: Probing, ticks: TickClock): Probing {
  const next: Probing = {
    ...probing,
    probesOut: probing.probesOut + 1,
    backoff: Math.min(probing.backoff + 1, Math.max(probing.backoff, socket.sysctls.retries2)),
    startJiffy: probing.startJiffy ?? probing.jiffy,
    transmissions: probing.transmissions + 1,
  };
  const when = windowProbeDelayJiffies(socket, next.backoff, ticks.hz);
  const left = userTimeoutLeftJiffies(socket, next, ticks);
  const delay = left === null ? when : Math.min(when, Math.max(left, TIMEOUT_MIN_JIFFIES));
  return { ...next, jiffy: armJiffy(probing.jiffy, delay) };
}

/** `tcp_probe0_when()`. */
export function windowProbeDelayJiffies(socket: SocketSnapshot, backoff: number, hz: number): number {
  return Math.min(Math.max(socket.rtoJiffies, modelBaseJiffies(hz)) * 2 ** backoff, rtoMaxJiffies(socket, hz));
}

/**
 * @param ordinal 1 is the first unanswered probe.
 * @returns when that probe was sent, CLOCK_MONOTONIC microseconds; null if it has not been sent yet. Timers run a little
 * later than asked for, so that of an older probe this is a little late.
 */
export function windowProbeSentUs(socket: SocketSnapshot, ordinal: number, ticks: TickClock): number | null {
  if (ordinal > socket.probesOut) {
    return null;
  }
  let jiffy = socket.writeTimer.pending
    ? extendJiffies32(socket.writeTimer.expiresJiffies32, socket.jiffies) -
      windowProbeDelayJiffies(socket, socket.backoff, ticks.hz)
    : socket.jiffies;
  for (let later = socket.probesOut; later > ordinal; later--) {
    jiffy -= windowProbeDelayJiffies(socket, socket.backoff - (socket.probesOut - later) - 1, ticks.hz);
  }
  return Math.min(socket.monoUs, jiffyStartUs(jiffy, ticks));
}
