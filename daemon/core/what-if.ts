/**
 * When a connection would end under other settings: the give-up model, asked about a socket that differs from the real one
 * in these settings only.
 */
import { keepaliveTimeElapsed } from './give-up-keepalive.js';
import { forecastGiveUp } from './give-up.js';
import { jiffyAtOrAfter, msToJiffies, tickClock, type TickClock } from './jiffies.js';
import { hasNothingToSend } from './keepalive-probes.js';
import type { ObservedSocket } from './observation.js';
import type { GiveUp } from './record.js';
import { rewound, seenAt } from './rewind.js';
import type { SocketSnapshot } from './snapshot.js';
import { queuedTimer } from './timer-wheel.js';
import { unknownFacts, type UnknownFact } from './unknown-facts.js';

/** What differs; the rest stays as it is. */
export interface WhatIfSettings {
  readonly tcpRetries2?: number;
  /** TCP_SYNCNT, where the socket has it, goes before it. */
  readonly tcpSynRetries?: number;
  readonly tcpOrphanRetries?: number;
  /** TCP_USER_TIMEOUT; 0 switches it off. */
  readonly userTimeoutMs?: number;
  /** SO_KEEPALIVE with its three numbers. */
  readonly keepalive?: { readonly idleMs: number; readonly intervalMs: number; readonly probes: number };
}

export interface WhatIfAnswer {
  /** The end if the settings had been there from the start of the episode; it may lie in the past. */
  readonly fromStart: GiveUp | null;
  /** The end if they are set now: the kernel looks at its limits when a timer runs, and not before. */
  readonly fromNow: GiveUp | null;
}

/**
 * @param nowUs CLOCK_MONOTONIC, microseconds; null if the connection has ended: then nothing can be set any more.
 * @returns both answers; null where there is none (see `forecastGiveUp`).
 */
export function whatIf(observed: ObservedSocket, settings: WhatIfSettings, nowUs: number | null): WhatIfAnswer {
  const { kernel, clock, socket, closedUs } = observed;
  const ticks = tickClock(kernel, clock);
  const changed = applySettings(socket, settings, ticks);
  const { socket: start, turn } = rewound({ socket: changed, closedUs }, ticks);
  return {
    fromStart: forecastGiveUp(start, kernel, clock, turn === null ? {} : { turn }),
    fromNow: nowUs === null ? null : endIfSetNow(observed, changed, settings, Math.max(nowUs, socket.monoUs), ticks),
  };
}

function endIfSetNow(
  { socket, kernel, clock }: ObservedSocket,
  changed: SocketSnapshot,
  settings: WhatIfSettings,
  nowUs: number,
  ticks: TickClock,
): GiveUp | null {
  if (settings.keepalive !== undefined && hasNothingToSend(socket)) {
    return forecastGiveUp(withKeepaliveTimer(seenAt(changed, jiffyAtOrAfter(nowUs, ticks), ticks)), kernel, clock);
  }
  // The snapshot may be older than the question: what has passed since went by the settings as they are.
  return forecastGiveUp(socket, kernel, clock, { turn: { fromUs: nowUs, socket: changed } });
}

function applySettings(socket: SocketSnapshot, settings: WhatIfSettings, ticks: TickClock): SocketSnapshot {
  const { sysctls } = socket;
  const { keepalive } = settings;
  const changed: SocketSnapshot = {
    ...socket,
    userTimeoutMs: settings.userTimeoutMs ?? socket.userTimeoutMs,
    unknown: unknownFacts((fact) => socket.unknown.includes(fact) && !isSet(fact, settings)),
    sysctls: {
      ...sysctls,
      retries2: settings.tcpRetries2 ?? sysctls.retries2,
      synRetries: settings.tcpSynRetries ?? sysctls.synRetries,
      orphanRetries: settings.tcpOrphanRetries ?? sysctls.orphanRetries,
    },
  };
  return keepalive === undefined
    ? changed
    : {
        ...changed,
        keepalive: true,
        keepaliveTimeJiffies: msToJiffies(keepalive.idleMs, ticks.hz),
        keepaliveIntvlJiffies: msToJiffies(keepalive.intervalMs, ticks.hz),
        keepaliveProbes: keepalive.probes,
      };
}

/** Whoever asks what would be if an option were set knows its value. */
function isSet(fact: UnknownFact, settings: WhatIfSettings): boolean {
  switch (fact) {
    case 'user_timeout':
      return settings.userTimeoutMs !== undefined;
    case 'keepalive':
    case 'keepalive_idle':
    case 'keepalive_interval':
    case 'keepalive_probes':
      return settings.keepalive !== undefined;
    case 'syn_count':
    case 'sysctls':
      return false;
  }
}

/** As setsockopt(TCP_KEEPIDLE) leaves the timer: armed for what is left of the idle time, if only for the next tick. */
function withKeepaliveTimer(socket: SocketSnapshot): SocketSnapshot {
  const left = Math.max(0, socket.keepaliveTimeJiffies - keepaliveTimeElapsed(socket, socket.jiffies));
  return { ...socket, keepaliveTimer: queuedTimer(socket.jiffies, left) };
}
