/** One connection of the node, as the audit keeps it: of 100,000 a few facts each, not the whole snapshot. */
import { tickClock } from '../jiffies.js';
import { rtoMaxJiffies } from '../kernel-limits.js';
import { pastJiffies32Us } from '../kernel-time.js';
import { isLoopback } from '../loopback.js';
import type { SocketOptions } from '../record.js';
import { socketOptions } from '../record-builder.js';
import type { ClockReport, Endpoint, KernelFacts, SocketSnapshot, TcpSysctls } from '../snapshot.js';
import { exposureOf, type Exposure } from './exposure.js';
import { brokenRules, type AuditRule, type PathIdleLimit } from './rules.js';

export interface AuditedConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly netns: number;
  readonly isInbound: boolean;
  /** Both ends are on this host: the kernel itself answers for a process that is gone. */
  readonly isLocal: boolean;
  /** How long no data has come or gone, which is what the peer's idle timer counts. */
  readonly idleForUs: number;
  readonly options: SocketOptions;
  /** Of its network namespace. */
  readonly sysctls: Pick<TcpSysctls, 'retries2' | 'synRetries'>;
  readonly exposure: Exposure;
  readonly rules: readonly AuditRule[];
}

/** What connections are judged by. */
export interface AuditContext {
  readonly kernel: KernelFacts;
  readonly clock: ClockReport;
  readonly idleLimits: readonly PathIdleLimit[];
  /** After how much idle time a peer closes connections, microseconds; null: not known. */
  readonly peerLimitUs: (netns: number, peer: Endpoint) => number | null;
}

/** `TCP_RTO_MAX_SEC`. */
const RTO_MAX_DEFAULT_S = 120;

/** What many connections have in common. */
export type Settings = Pick<AuditedConnection, 'options' | 'sysctls' | 'exposure'>;

export function settingsOf(socket: SocketSnapshot, kernel: KernelFacts): Settings {
  const { retries2, synRetries } = socket.sysctls;
  return {
    options: socketOptions(socket, kernel.hz),
    sysctls: { retries2, synRetries },
    exposure: exposureOf(socket, kernel),
  };
}

/** Of those that nothing is said about. */
const NOT_JUDGED: Settings = {
  options: { keepalive: false, keepaliveIdleMs: 0, keepaliveIntervalMs: 0, keepaliveProbes: 0, userTimeoutMs: 0 },
  sysctls: { retries2: 0, synRetries: 0 },
  exposure: { inFlightUs: 0, idleUs: 0, firstProbeUs: 0, secondProbeUs: 0 },
};
const NO_RULES: readonly AuditRule[] = [];

/** @param settings tells those of a socket. @returns of one with both ends on this host only where it leads. */
export function auditedConnection(
  socket: SocketSnapshot,
  context: AuditContext,
  settings = (one: SocketSnapshot): Settings => settingsOf(one, context.kernel),
): AuditedConnection {
  const { kernel, clock, idleLimits, peerLimitUs } = context;
  const { local, remote, netns, inbound: isInbound } = socket;
  if (hasBothEndsHere(socket)) {
    return { local, remote, netns, isInbound, isLocal: true, idleForUs: 0, ...NOT_JUDGED, rules: NO_RULES };
  }
  const { options, sysctls, exposure } = settings(socket);
  const ticks = tickClock(kernel, clock);
  // The answer to a keepalive probe is a sign of life, but the peer's idle timer does not count it.
  const lastDataUs = Math.max(
    pastJiffies32Us(socket.lrcvtimeJiffies32, socket, ticks),
    pastJiffies32Us(socket.lsndtimeJiffies32, socket, ticks),
  );
  const idleForUs = Math.max(0, socket.monoUs - lastDataUs);
  const rules = brokenRules(
    {
      options,
      sysctls,
      exposure,
      isInbound,
      idleForUs,
      peerLimitUs: peerLimitUs(netns, remote),
      synCount: socket.synRetries,
      hasDefaultRtoMax: rtoMaxJiffies(socket, kernel.hz) === RTO_MAX_DEFAULT_S * kernel.hz,
    },
    idleLimits,
  );
  // Field by field: copying objects into it would take longer than all the rest.
  return { local, remote, netns, isInbound, isLocal: false, idleForUs, options, sysctls, exposure, rules };
}

function hasBothEndsHere({ local, remote }: Pick<SocketSnapshot, 'local' | 'remote'>): boolean {
  return isLoopback(remote.address) || remote.address === local.address;
}
