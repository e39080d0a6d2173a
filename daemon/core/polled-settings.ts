/** Settings of a polled socket: what its timers betray, what was read by BPF before, and what has to be supposed. */
import { extendJiffies32, type TickClock } from './jiffies.js';
import type { PolledSocket } from './polled-socket.js';
import { TCP_STATE, type KernelTimer, type SocketSnapshot } from './snapshot.js';
import { fireJiffy, queuedTimer } from './timer-wheel.js';
import { unknownFacts, type UnknownFact } from './unknown-facts.js';

/** `idiag_timer`. */
export const POLLED_TIMER = { NONE: 0, RETRANS: 1, KEEPALIVE: 2, TIME_WAIT: 3, PROBE0: 4 } as const;

/** TCP_KEEPINTVL goes up to 32767 s. */
const INTERVAL_MAX_S = 32_767;

/** Stamps of two looks are exact to a jiffy each. */
const ROUNDING_JIFFIES = 2;

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
 * @param previous the look before this one, at the same socket; by BPF if the sensor used it until then.
 * @param keepaliveTimer as it stands now.
 */
export function polledSettings(
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  dead: boolean,
  keepaliveTimer: KernelTimer,
  ticks: TickClock,
): PolledSettings {
  const seen = keepaliveSeen(polled, dead);
  const interval = learntInterval(polled, previous, keepaliveTimer, ticks);
  const known = new Set<UnknownFact>();
  if (seen !== null) {
    known.add('keepalive');
  }
  if (interval !== null) {
    known.add('keepalive_interval');
  }
  if (polled.hasSysctls) {
    known.add('sysctls');
  }
  return {
    userTimeoutMs: previous?.userTimeoutMs ?? 0,
    synRetries: previous?.synRetries ?? 0,
    keepalive: seen ?? previous?.keepalive ?? false,
    keepaliveTimeJiffies: previous?.keepaliveTimeJiffies ?? 0,
    keepaliveIntvlJiffies: interval ?? previous?.keepaliveIntvlJiffies ?? 0,
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
  polled: PolledSocket,
  previous: SocketSnapshot | null,
  timer: KernelTimer,
  { hz }: TickClock,
): number | null {
  const isNextProbe =
    previous?.keepaliveTimer.pending === true && previous.probesOut > 0 && polled.probes === previous.probesOut + 1;
  if (polled.timer !== POLLED_TIMER.KEEPALIVE || !isNextProbe) {
    return null;
  }
  const expires = extendJiffies32(timer.expiresJiffies32, previous.jiffies);
  const before = extendJiffies32(previous.keepaliveTimer.expiresJiffies32, previous.jiffies);
  const longest = Math.min(INTERVAL_MAX_S, Math.ceil((expires - before) / hz));
  for (let seconds = longest; seconds > 0 && seconds >= longest * 0.8 - 1; seconds--) {
    const delay = seconds * hz;
    const set = { ...queuedTimer(before - delay, delay), expiresJiffies32: before >>> 0 };
    const nextExpires = fireJiffy(set, previous.jiffies) + delay;
    if (Math.abs(nextExpires - expires) <= ROUNDING_JIFFIES) {
      return delay;
    }
  }
  return null;
}
