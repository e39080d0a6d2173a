/**
 * Forecast for a socket that retransmits: data, SYN or FIN unacknowledged. `tcp_retransmit_timer()` and
 * `tcp_write_timeout()` are played forward, tick by tick, with a peer that stays silent.
 */
import { timeoutErrorName } from './errno-name.js';
import { jiffyAtOrAfter, jiffyStartUs, type TickClock } from './jiffies.js';
import {
  BISTABLE_MS,
  TICKS_MAX,
  backedOffRtoJiffies,
  clampRtoToUserTimeout,
  handlerTimeUs,
  hasLostDoublings,
  isInsideRtoTimer,
  modelBaseJiffies,
  modelTimeoutMs,
  orphanRetries,
  overdueMs,
  retransStampAt,
  rtoMaxJiffies,
  type RtoEpisode,
} from './kernel-limits.js';
import { factsAt, finalFacts, type Play } from './play-forward.js';
import type { GiveUp, GiveUpReason } from './record.js';
import { PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { armJiffy, fireJiffy } from './timer-wheel.js';

/**
 * How often a host that vanished from its own link makes the kernel retransmit: the neighbour table asks three times,
 * one second apart, and then reports EHOSTUNREACH, which fires the RTO at once (RFC 6069). Measured.
 */
const NEIGHBOUR_FAILURE_US = 3_070_000;

interface Verdict {
  readonly expired: boolean;
  readonly reason: GiveUpReason;
  /** How far the time limit is passed, milliseconds; null where time does not count yet, or the count decided. */
  readonly overdueMs: number | null;
}

/** @returns the end of a socket whose write timer retransmits, or null if it is too many ticks away. */
export function forecastRto(socket: SocketSnapshot, ticks: TickClock, play: Play): GiveUp | null {
  const first = firstEpisode(socket, ticks, play);
  const unaided = forecastTicks(socket, first, ticks, play);
  const limitUs = unreachableLimitUs(finalFacts(socket, play), first, ticks);
  if (unaided === null || unaided.never || limitUs === null) {
    return unaided;
  }
  return withinWindow(socket, unaided, Math.max(limitUs, socket.monoUs, play.turn?.fromUs ?? 0), ticks);
}

function forecastTicks(socket: SocketSnapshot, first: RtoEpisode, ticks: TickClock, play: Play): GiveUp | null {
  let episode = first;
  let earlyJiffy: number | null = null;
  for (let tick = 0; tick < TICKS_MAX; tick++) {
    const facts = factsAt(socket, play, episode.nowUs);
    const verdict = writeTimeout(facts, episode, ticks.hz);
    if (verdict.expired) {
      const [jiffy, latest] = candidates(facts, episode, verdict, earlyJiffy, ticks);
      return {
        never: false,
        timeUs: jiffyStartUs(jiffy, ticks),
        latestTimeUs: latest === null ? null : jiffyStartUs(latest, ticks),
        reason: verdict.reason,
        retransmitsLeft: episode.transmissions,
        expectedError: timeoutErrorName(socket.skErrSoft),
      };
    }
    if (verdict.overdueMs !== null && verdict.overdueMs > -BISTABLE_MS) {
      earlyJiffy ??= episode.jiffy;
    }
    play.onTransmission?.(episode.jiffy);
    episode = armed(facts, sent(facts, episode), ticks);
  }
  return null;
}

/** @returns the jiffy of the end, and where a tick is bistable the later one. */
function candidates(
  socket: SocketSnapshot,
  last: RtoEpisode,
  verdict: Verdict,
  earlyJiffy: number | null,
  ticks: TickClock,
): readonly [number, number | null] {
  if (earlyJiffy !== null) {
    return [earlyJiffy, last.jiffy];
  }
  // A first retransmission that is still to come may run late and take the later ticks nearer to the limit. The user
  // timeout is reckoned anew at every tick and does not suffer from it.
  const mayMiss =
    socket.retransStamp === 0 &&
    socket.userTimeoutMs === 0 &&
    verdict.overdueMs !== null &&
    verdict.overdueMs < BISTABLE_MS;
  return [last.jiffy, mayMiss ? armed(socket, sent(socket, last), ticks).jiffy : null];
}

/** `tcp_write_timeout()`: is this tick the last one? */
function writeTimeout(socket: SocketSnapshot, episode: RtoEpisode, hz: number): Verdict {
  const limit = timeLimit(socket, episode, hz);
  if (socket.state === TCP_STATE.SYN_SENT) {
    const retries = synRetries(socket);
    if (episode.retransmits >= retries + socket.sysctls.synLinearTimeouts) {
      return { expired: true, reason: 'syn_retries', overdueMs: null };
    }
  }
  if (episode.retransmits === 0) {
    return { expired: false, reason: limit.reason, overdueMs: null };
  }
  const overdue = overdueMs(socket, episode, limit.ms, hz);
  return { expired: overdue >= 0, reason: limit.reason, overdueMs: overdue };
}

/** How long after the first retransmission the next tick is the last; the user timeout replaces every sysctl. */
function timeLimit(socket: SocketSnapshot, episode: RtoEpisode, hz: number): { ms: number; reason: GiveUpReason } {
  if (socket.userTimeoutMs > 0) {
    return { ms: socket.userTimeoutMs, reason: 'user_timeout' };
  }
  const maxJiffies = rtoMaxJiffies(socket, hz);
  if (socket.state === TCP_STATE.SYN_SENT) {
    return { ms: modelTimeoutMs(synRetries(socket), hz, maxJiffies, hz), reason: 'syn_retries' };
  }
  const boundary = socket.dead ? orphanRetries(socket, episode.rtoJiffies < maxJiffies) : socket.sysctls.retries2;
  return {
    ms: modelTimeoutMs(boundary, modelBaseJiffies(hz), maxJiffies, hz),
    reason: socket.dead ? 'orphan_retries' : 'tcp_retries2',
  };
}

function synRetries(socket: SocketSnapshot): number {
  return socket.synRetries > 0 ? socket.synRetries : socket.sysctls.synRetries;
}

/** @returns the next run of `tcp_retransmit_timer()`. */
function firstEpisode(socket: SocketSnapshot, ticks: TickClock, play: Play): RtoEpisode {
  const present: RtoEpisode = {
    jiffy: socket.jiffies,
    nowUs: socket.monoUs,
    rtoJiffies: socket.rtoJiffies,
    retransmits: socket.retransmits,
    // Before 6.7 the linear phase of a SYN is counted in icsk_retransmits.
    totalRto: socket.hasRtoStamp ? socket.totalRto : socket.retransmits,
    retransStamp: socket.retransStamp,
    transmissions: 0,
  };
  if (isInsideRtoTimer(socket)) {
    // The tracepoint comes before the stamp of a first retransmission is taken.
    return armed(
      socket,
      { ...present, retransStamp: present.retransStamp || retransStampAt(socket, socket.monoUs) },
      ticks,
    );
  }
  const duringProbe = socket.cause === 'retransmit' && !socket.writeTimer.pending;
  const jiffy = socket.writeTimer.pending ? fireJiffy(socket.writeTimer, socket.jiffies) : socket.jiffies;
  if (socket.pending === PENDING.RETRANS) {
    return at(jiffy, present, ticks);
  }
  // A tail loss probe, or the RACK timer, sends something first; then a full RTO runs.
  const probe = duringProbe ? present : { ...at(jiffy, present, ticks), transmissions: 1 };
  if (!duringProbe) {
    play.onTransmission?.(probe.jiffy);
  }
  // RACK retransmits what it finds lost, which opens the episode; a tail loss probe does not.
  const opens = socket.pending === PENDING.REO_TIMEOUT && probe.retransStamp === 0;
  const retransStamp = opens ? retransStampAt(socket, probe.nowUs) : probe.retransStamp;
  return at(armJiffy(probe.jiffy, probe.rtoJiffies), { ...probe, retransStamp }, ticks);
}

// All fields by name in the three functions below: a storm asks for thousands of forecasts, of a dozen ticks each, and a
// spread makes each tick several times slower.

function at(jiffy: number, episode: RtoEpisode, ticks: TickClock): RtoEpisode {
  return {
    jiffy,
    nowUs: handlerTimeUs(jiffyStartUs(jiffy, ticks)),
    rtoJiffies: episode.rtoJiffies,
    retransmits: episode.retransmits,
    totalRto: episode.totalRto,
    retransStamp: episode.retransStamp,
    transmissions: episode.transmissions,
  };
}

/** `tcp_retransmit_timer()` up to the transmission, `tcp_update_rto_stats()` included. */
function sent(socket: SocketSnapshot, episode: RtoEpisode): RtoEpisode {
  return {
    jiffy: episode.jiffy,
    nowUs: episode.nowUs,
    rtoJiffies: episode.rtoJiffies,
    // u8 in the kernel; it does wrap where ICMP keeps the RTO short.
    retransmits: (episode.retransmits + 1) & 0xff,
    totalRto: episode.totalRto + 1,
    retransStamp: episode.retransStamp || retransStampAt(socket, episode.nowUs),
    transmissions: episode.transmissions + 1,
  };
}

/** `tcp_retransmit_timer()` after the transmission: backs off and arms the timer. */
function armed(socket: SocketSnapshot, episode: RtoEpisode, ticks: TickClock): RtoEpisode {
  const rtoJiffies = backedOffRtoJiffies(socket, episode, ticks.hz);
  const jiffy = armJiffy(episode.jiffy, clampRtoToUserTimeout(socket, episode, rtoJiffies, ticks.hz));
  return {
    jiffy,
    nowUs: handlerTimeUs(jiffyStartUs(jiffy, ticks)),
    rtoJiffies,
    retransmits: episode.retransmits,
    totalRto: episode.totalRto,
    retransStamp: episode.retransStamp,
    transmissions: episode.transmissions,
  };
}

/**
 * A peer whose host or network is reported unreachable: each report takes back one doubling, so that ticks come far
 * more often than the backoff says, and the first of them after the limit ends it.
 * @returns CLOCK_MONOTONIC of the limit; null where no such report was seen.
 */
function unreachableLimitUs(socket: SocketSnapshot, first: RtoEpisode, ticks: TickClock): number | null {
  const reported = socket.skErrSoft !== 0 || hasLostDoublings(socket);
  if (!reported || socket.state === TCP_STATE.SYN_SENT || first.retransStamp === 0) {
    return null;
  }
  const now = { ...first, nowUs: socket.monoUs };
  return socket.monoUs - overdueMs(socket, now, timeLimit(socket, first, ticks.hz).ms, ticks.hz) * 1000;
}

/** @returns the window in which the first tick after `earliestUs` comes. */
function withinWindow(
  socket: SocketSnapshot,
  unaided: Extract<GiveUp, { never: false }>,
  earliestUs: number,
  ticks: TickClock,
): GiveUp {
  const limitJiffy = jiffyAtOrAfter(earliestUs, ticks);
  const afterLimitUs = jiffyStartUs(armJiffy(limitJiffy, longestWaitJiffies(socket, ticks)), ticks);
  if (!hasLostDoublings(socket)) {
    // The errors may stop as they came: then the backoff goes on undisturbed.
    const latestTimeUs = Math.max(afterLimitUs, unaided.latestTimeUs ?? unaided.timeUs);
    return { ...unaided, timeUs: Math.min(earliestUs, latestTimeUs), latestTimeUs };
  }
  const intervalUs = Math.min((socket.rtoJiffies * 1_000_000) / ticks.hz, NEIGHBOUR_FAILURE_US);
  return {
    ...unaided,
    timeUs: earliestUs,
    latestTimeUs: afterLimitUs,
    retransmitsLeft: Math.ceil((earliestUs - socket.monoUs) / intervalUs),
  };
}

/**
 * An error may fire the last tick that is in time just before the limit, and then a whole RTO runs. It doubles as long
 * as it expires before the next error comes.
 */
function longestWaitJiffies(socket: SocketSnapshot, ticks: TickClock): number {
  const errorJiffies = (NEIGHBOUR_FAILURE_US * ticks.hz) / 1_000_000;
  let rtoJiffies = Math.max(1, socket.rtoJiffies);
  while (rtoJiffies < errorJiffies) {
    rtoJiffies *= 2;
  }
  return Math.min(rtoJiffies, rtoMaxJiffies(socket, ticks.hz));
}
