/**
 * When a connection would end under other settings: the give-up model, asked about a socket that differs from the real one
 * in these settings only.
 */
import { forecastGiveUp } from './give-up.js';
import { jiffyAtOrAfter, msToJiffies, tickClock, type TickClock } from './jiffies.js';
import { isInsideRtoTimer } from './kernel-limits.js';
import { pastJiffies32Us } from './kernel-time.js';
import type { GiveUp } from './record.js';
import { firstRtoUs, initialRtoJiffies } from './rto-ladder.js';
import { PENDING, TCP_STATE, type ClockReport, type KernelFacts, type SocketSnapshot } from './snapshot.js';

/** What differs; the rest stays as it is. */
export interface WhatIfSettings {
  readonly tcpRetries2?: number;
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

/** @returns both answers; null where the model has none (see `forecastGiveUp`) */
export function whatIf(
  socket: SocketSnapshot,
  settings: WhatIfSettings,
  kernel: KernelFacts,
  clock: ClockReport,
): WhatIfAnswer {
  const ticks = tickClock(kernel, clock);
  const changed = applySettings(socket, settings, ticks);
  return {
    fromStart: forecastGiveUp(rewound(changed, ticks), kernel, clock),
    fromNow: forecastGiveUp(changed, kernel, clock),
  };
}

function applySettings(socket: SocketSnapshot, settings: WhatIfSettings, ticks: TickClock): SocketSnapshot {
  const { sysctls } = socket;
  const changed: SocketSnapshot = {
    ...socket,
    userTimeoutMs: settings.userTimeoutMs ?? socket.userTimeoutMs,
    sysctls: {
      ...sysctls,
      retries2: settings.tcpRetries2 ?? sysctls.retries2,
      synRetries: settings.tcpSynRetries ?? sysctls.synRetries,
      orphanRetries: settings.tcpOrphanRetries ?? sysctls.orphanRetries,
    },
  };
  return settings.keepalive === undefined ? changed : withKeepalive(changed, settings.keepalive, ticks);
}

/** As setsockopt() leaves it: SO_KEEPALIVE arms the timer for one idle time, TCP_KEEPIDLE for what is left of it. */
function withKeepalive(
  socket: SocketSnapshot,
  { idleMs, intervalMs, probes }: NonNullable<WhatIfSettings['keepalive']>,
  ticks: TickClock,
): SocketSnapshot {
  const idleJiffies = msToJiffies(idleMs, ticks.hz);
  const left = Math.max(1, idleJiffies - idleForJiffies(socket));
  return {
    ...socket,
    keepalive: true,
    keepaliveTimeJiffies: idleJiffies,
    keepaliveIntvlJiffies: msToJiffies(intervalMs, ticks.hz),
    keepaliveProbes: probes,
    keepaliveTimer: socket.probesOut > 0 ? socket.keepaliveTimer : armedTimer(socket.jiffies, left),
  };
}

/** `keepalive_time_elapsed()`. */
function idleForJiffies(socket: SocketSnapshot): number {
  return Math.min(
    (socket.jiffies - socket.lrcvtimeJiffies32) >>> 0,
    (socket.jiffies - socket.rcvTstampJiffies32) >>> 0,
  );
}

/** A timer as the wheel holds it. @param delayJiffies at least 1 */
function armedTimer(nowJiffies: number, delayJiffies: number): SocketSnapshot['writeTimer'] {
  let level = 0;
  while (level < 8 && delayJiffies - 1 >= 63 * 8 ** level) {
    level++;
  }
  return { pending: true, expiresJiffies32: (nowJiffies + delayJiffies) >>> 0, flags: (level * 64) << 22 };
}

/** The socket as it was when nothing had gone unanswered yet, as far as it can be told from what it is now. */
function rewound(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  if (socket.packetsOut > 0 && (socket.retransmits > 0 || isInsideRtoTimer(socket))) {
    return beforeFirstRto(socket, ticks);
  }
  const isIdle = socket.packetsOut === 0 && socket.writeSeq === socket.sndNxt;
  return isIdle && socket.keepalive ? beforeFirstProbe(socket, ticks) : socket;
}

/** One tick before the first RTO: what it does then is the kernel's own arithmetic. */
function beforeFirstRto(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const first = jiffyAtOrAfter(firstRtoUs(socket, ticks), ticks);
  const isSyn = socket.state === TCP_STATE.SYN_SENT;
  return {
    ...at(socket, first - 1, ticks),
    pending: PENDING.RETRANS,
    retransmits: 0,
    backoff: 0,
    totalRto: 0,
    rtoJiffies: isSyn ? ticks.hz : initialRtoJiffies(socket, ticks),
    retransStamp: isSyn ? socket.retransStamp : 0,
    writeTimer: { pending: true, expiresJiffies32: (first - 1) >>> 0, flags: 0 },
  };
}

function beforeFirstProbe(socket: SocketSnapshot, ticks: TickClock): SocketSnapshot {
  const lastHeardUs = Math.max(
    pastJiffies32Us(socket.rcvTstampJiffies32, socket, ticks),
    pastJiffies32Us(socket.lrcvtimeJiffies32, socket, ticks),
  );
  const start = jiffyAtOrAfter(lastHeardUs, ticks);
  return {
    ...at(socket, start, ticks),
    probesOut: 0,
    keepaliveTimer: armedTimer(start, socket.keepaliveTimeJiffies || socket.sysctls.keepaliveTimeJiffies),
  };
}

/** The same socket, looked at in another jiffy, by a pass. */
function at(socket: SocketSnapshot, jiffies: number, ticks: TickClock): SocketSnapshot {
  const monoUs = ticks.edgeUs + ((jiffies - ticks.jiffies) * 1_000_000) / ticks.hz;
  return { ...socket, cause: 'sweep', jiffies, monoUs };
}
