/**
 * Settings of a polled socket: what its timers betray, what was read by BPF before, and what has to be supposed. `unknown`
 * names the last.
 */
import { extendJiffies32, jiffyStartUs, usToJiffies, type TickClock } from './jiffies.js';
import { retransStampUs } from './kernel-time.js';
import type { PolledSocket } from './polled-socket.js';
import { CA_STATE, PENDING, TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { fireJiffy, queuedTimer } from './timer-wheel.js';
import { unknownFacts, type UnknownFact } from './unknown-facts.js';

/** `idiag_timer`. */
export const POLLED_TIMER = { NONE: 0, RETRANS: 1, KEEPALIVE: 2, TIME_WAIT: 3, PROBE0: 4 } as const;

/** Stamps of two looks are exact to a jiffy each. */
const ROUNDING_JIFFIES = 2;

/** A user timeout that was learnt is rounded down to this, milliseconds: its stamps are as exact as that. */
const TIMEOUT_STEP_MS = 10;

export type PolledSettings = Pick<
  SocketSnapshot,
  | 'userTimeoutMs'
  | 'synRetries'
  | 'keepalive'
  | 'keepaliveTimeJiffies'
  | 'keepaliveIntvlJiffies'
  | 'keepaliveProbes'
  | 'linger2Jiffies'
  | 'thinLto'
  | 'unknown'
>;

/**
 * @param socket what is known of it but for its settings.
 * @param previous the look before this one, at the same socket; by BPF if the sensor used it until then.
 */
export function polledSettings(
  socket: SocketSnapshot,
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  ticks: TickClock,
): PolledSettings {
  const seen = keepaliveSeen(polled, socket.dead);
  const interval = learntInterval(socket, previous, ticks);
  const isIntervalKnown = interval !== null || (previous !== null && !previous.unknown.includes('keepalive_interval'));
  const intervalJiffies =
    interval ?? (isIntervalKnown ? (previous?.keepaliveIntvlJiffies ?? 0) : guessedInterval(socket, ticks));
  const isIdleKnown = previous !== null && !previous.unknown.includes('keepalive_idle');
  const known = new Set<UnknownFact>([
    ...(seen === null ? [] : (['keepalive'] as const)),
    ...(isIntervalKnown ? (['keepalive_interval'] as const) : []),
    ...(polled.hasSysctls ? (['sysctls'] as const) : []),
  ]);
  return {
    userTimeoutMs: previous?.userTimeoutMs ?? 0,
    synRetries: previous?.synRetries ?? 0,
    keepalive: seen ?? previous?.keepalive ?? false,
    keepaliveTimeJiffies: isIdleKnown ? previous.keepaliveTimeJiffies : guessedIdle(socket, intervalJiffies, ticks),
    keepaliveIntvlJiffies: intervalJiffies,
    keepaliveProbes: previous?.keepaliveProbes ?? 0,
    linger2Jiffies: previous?.linger2Jiffies ?? 0,
    thinLto: previous?.thinLto ?? false,
    unknown: unknownFacts((fact) => !known.has(fact) && (previous === null || isUnknownBefore(fact, previous))),
  };
}

/** What BPF has read of this socket holds until it reads it again; sysctls are read at each look. */
function isUnknownBefore(fact: UnknownFact, previous: SocketSnapshot): boolean {
  return fact === 'sysctls' || previous.unknown.includes(fact);
}

/**
 * sock_diag names the keepalive timer only while no other one runs. Where none runs at all SO_KEEPALIVE is off; an orphan
 * in FIN_WAIT2 uses that timer for another end.
 */
function keepaliveSeen({ timer, state }: PolledSocket, dead: boolean): boolean | null {
  if (dead || state === TCP_STATE.SYN_SENT || state === TCP_STATE.LISTEN || state === TCP_STATE.CLOSE) {
    return null;
  }
  if (timer === POLLED_TIMER.KEEPALIVE) {
    return true;
  }
  return timer === POLLED_TIMER.NONE ? false : null;
}

/**
 * Each unanswered probe sets the timer for one interval more: of two looks at probes in a row the interval, which is a whole
 * number of seconds, is what lies between the expiries, less what the wheel added.
 * @returns jiffies; null if these looks do not tell.
 */
function learntInterval(
  { keepaliveTimer: timer, probesOut }: SocketSnapshot,
  previous: SocketSnapshot | null,
  { hz }: TickClock,
): number | null {
  const isNextProbe =
    previous?.keepaliveTimer.pending === true && previous.probesOut > 0 && probesOut === previous.probesOut + 1;
  if (!timer.pending || !isNextProbe) {
    return null;
  }
  const expires = extendJiffies32(timer.expiresJiffies32, previous.jiffies);
  const before = extendJiffies32(previous.keepaliveTimer.expiresJiffies32, previous.jiffies);
  const longest = Math.ceil((expires - before) / hz);
  for (let seconds = longest; seconds > 0 && seconds >= longest * 0.8 - 1; seconds--) {
    const delay = seconds * hz;
    const set = { ...queuedTimer(0, delay), expiresJiffies32: before >>> 0 };
    if (Math.abs(fireJiffy(set, before) + delay - expires) <= ROUNDING_JIFFIES) {
      return delay;
    }
  }
  return null;
}

/**
 * One look gives bounds: the interval is no shorter than what is left of it, and as many as there were probes have passed
 * since the peer was heard.
 * @returns jiffies: the sysctl, as 0, where it is possible; else the least that is.
 */
function guessedInterval(socket: SocketSnapshot, { hz }: TickClock): number {
  const { keepaliveTimer, probesOut, jiffies, sysctls } = socket;
  if (!keepaliveTimer.pending || probesOut === 0) {
    return 0;
  }
  const least = Math.max(
    hz,
    Math.ceil((extendJiffies32(keepaliveTimer.expiresJiffies32, jiffies) - jiffies - ROUNDING_JIFFIES) / hz) * hz,
  );
  const most = (silentUntilExpiry(socket) - hz) / probesOut;
  const usual = sysctls.keepaliveIntvlJiffies;
  return usual >= least && usual <= most ? 0 : least;
}

/**
 * Before the first probe the connection was idle for as long as TCP_KEEPIDLE says.
 * @returns jiffies: the sysctl, as 0, where it is possible; else whole seconds of what there was.
 */
function guessedIdle(socket: SocketSnapshot, interval: number, { hz }: TickClock): number {
  const { keepaliveTimer, probesOut, sysctls } = socket;
  if (!keepaliveTimer.pending || probesOut === 0) {
    return 0;
  }
  const idle = silentUntilExpiry(socket) - probesOut * (interval || sysctls.keepaliveIntvlJiffies);
  return sysctls.keepaliveTimeJiffies <= idle ? 0 : Math.max(hz, Math.floor(idle / hz) * hz);
}

/** From the last sign of the peer to the expiry of the keepalive timer, jiffies. */
function silentUntilExpiry({ keepaliveTimer, rcvTstampJiffies32, lrcvtimeJiffies32, jiffies }: SocketSnapshot): number {
  const heard = Math.max(extendJiffies32(rcvTstampJiffies32, jiffies), extendJiffies32(lrcvtimeJiffies32, jiffies));
  return extendJiffies32(keepaliveTimer.expiresJiffies32, jiffies) - heard;
}

/**
 * The last wait before a user timeout is cut so that it ends with it (`tcp_clamp_rto_to_user_timeout()`): a timer that is set
 * for less than the RTO betrays the option, and when it ends.
 * @returns the socket, with the option if that is known now.
 */
export function withClampedTimeout(socket: SocketSnapshot, polled: PolledSocket, ticks: TickClock): SocketSnapshot {
  const { caState, pending, retransmits, backoff, packetsOut, sndWnd, writeTimer, unknown } = socket;
  const isInRto = pending === PENDING.RETRANS && caState === CA_STATE.LOSS && packetsOut > 0 && sndWnd > 0;
  // What the local queue drops is tried again sooner, and does not back off; errors from the network take back a step.
  const isWhole = retransmits > 0 && backoff === retransmits;
  const stampUs = retransStampUs(socket);
  if (!isInRto || !isWhole || stampUs === null || !unknown.includes('user_timeout')) {
    return socket;
  }
  const waitJiffies = usToJiffies((polled.lastDataSentMs + polled.expiresMs) * 1000, ticks.hz);
  if (waitJiffies >= socket.rtoJiffies - 2 * ROUNDING_JIFFIES) {
    return socket;
  }
  const expiresUs = jiffyStartUs(extendJiffies32(writeTimer.expiresJiffies32, socket.jiffies), ticks);
  const userTimeoutMs = Math.floor((expiresUs - stampUs) / 1000 / TIMEOUT_STEP_MS) * TIMEOUT_STEP_MS;
  return {
    ...socket,
    userTimeoutMs,
    unknown: unknownFacts((fact) => fact !== 'user_timeout' && unknown.includes(fact)),
  };
}
