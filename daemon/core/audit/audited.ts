/** One connection of the node, as the audit keeps it: of 100,000 a few facts each, not the whole snapshot. */
import { tickClock } from '../jiffies.js';
import { lastHeardUs, pastJiffies32Us } from '../kernel-time.js';
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

/** @param exposure where it is known already */
export function auditedConnection(
  socket: SocketSnapshot,
  context: AuditContext,
  exposure = exposureOf(socket, context.kernel, context.clock),
): AuditedConnection {
  const { kernel, clock, idleLimits, peerLimitUs } = context;
  const { local, remote, netns, inbound: isInbound, sysctls } = socket;
  const ticks = tickClock(kernel, clock);
  const lastUs = Math.max(lastHeardUs(socket, ticks), pastJiffies32Us(socket.lsndtimeJiffies32, socket, ticks));
  const idleForUs = Math.max(0, socket.monoUs - lastUs);
  const options = socketOptions(socket, kernel.hz);
  const facts = { options, sysctls, exposure, isInbound, idleForUs, peerLimitUs: peerLimitUs(netns, remote) };
  return {
    ...{ local, remote, netns, isInbound, idleForUs, options, exposure },
    sysctls: { retries2: sysctls.retries2, synRetries: sysctls.synRetries },
    isLocal: isLoopback(remote.address) || remote.address === local.address,
    rules: brokenRules(facts, idleLimits),
  };
}
