/** What makes a connection outlive its peer for long, or die of a trifle: the rules of the audit. */
import { durationWords } from '../format-words.js';
import type { SocketOptions } from '../record.js';
import type { TcpSysctls } from '../snapshot.js';
import type { Exposure } from './exposure.js';

export const AUDIT_RULES = [
  'no_keepalive_no_user_timeout',
  'keepalive_longer_than_idle_limit',
  'one_lost_probe',
  'pool_longer_than_peer',
  'default_retries2',
  'default_syn_retries',
] as const;

export type AuditRule = (typeof AUDIT_RULES)[number];

/** After how much idle time something on the path forgets a connection. */
export interface PathIdleLimit {
  readonly name: string;
  readonly limitMs: number;
}

/** What nearly every host has that nobody has tuned (net/ipv4/tcp_ipv4.c, tcp_sk_init()). */
const RETRIES2_DEFAULT = 15;
const SYN_RETRIES_DEFAULT = 6;

/** What the rules look at. */
export interface RuleFacts {
  readonly options: SocketOptions;
  readonly sysctls: Pick<TcpSysctls, 'retries2' | 'synRetries'>;
  /** TCP_SYNCNT, which takes the place of `tcp_syn_retries`; 0: not set. */
  readonly synCount: number;
  /** A smaller limit of the RTO (TCP_RTO_MAX_MS, `tcp_rto_max_ms`) makes the same retries take a fraction of the time. */
  readonly hasDefaultRtoMax: boolean;
  readonly exposure: Exposure;
  readonly isInbound: boolean;
  /** How long no data has come or gone, microseconds. */
  readonly idleForUs: number;
  /** After how much idle time the peer closes connections; null: not known. */
  readonly peerLimitUs: number | null;
}

/** @returns the rules that a connection breaks, in the order of `AUDIT_RULES`. */
export function brokenRules(facts: RuleFacts, limits: readonly PathIdleLimit[]): readonly AuditRule[] {
  const { options, sysctls, exposure, isInbound, idleForUs, peerLimitUs } = facts;
  const hasDefaultBackoff = options.userTimeoutMs === 0 && facts.hasDefaultRtoMax;
  const isBroken: Readonly<Record<AuditRule, boolean>> = {
    no_keepalive_no_user_timeout: !options.keepalive && options.userTimeoutMs === 0,
    keepalive_longer_than_idle_limit: options.keepalive && brokenLimits(exposure.firstProbeUs, limits).length > 0,
    // A user timeout takes the place of the count of probes, and counts the idle time before the first of them.
    one_lost_probe:
      options.keepalive && options.userTimeoutMs > 0 && options.userTimeoutMs * 1000 <= exposure.secondProbeUs,
    pool_longer_than_peer: !isInbound && peerLimitUs !== null && idleForUs > peerLimitUs,
    default_retries2: hasDefaultBackoff && sysctls.retries2 === RETRIES2_DEFAULT,
    default_syn_retries:
      !isInbound && hasDefaultBackoff && facts.synCount === 0 && sysctls.synRetries === SYN_RETRIES_DEFAULT,
  };
  return AUDIT_RULES.filter((rule) => isBroken[rule]);
}

/** @returns the limits at which a connection may be forgotten before its first keepalive probe keeps it alive. */
export function brokenLimits(firstProbeUs: number, limits: readonly PathIdleLimit[]): readonly PathIdleLimit[] {
  return limits.filter(({ limitMs }) => limitMs * 1000 <= firstProbeUs);
}

/** @param limits those that are broken. @returns what a rule means, as a sentence. */
export function ruleWords(rule: AuditRule, limits: readonly PathIdleLimit[]): string {
  switch (rule) {
    case 'no_keepalive_no_user_timeout':
      return 'Neither keepalive nor TCP_USER_TIMEOUT: an idle connection looks alive for ever, and only tcp_retries2 ends a request.';
    case 'keepalive_longer_than_idle_limit':
      return `Keepalive begins later than something on the path may forget the connection: ${limitsWords(limits)}.`;
    case 'one_lost_probe':
      return 'TCP_USER_TIMEOUT leaves no time for a second keepalive probe: one that is lost may end a healthy connection.';
    case 'pool_longer_than_peer':
      return 'No data for longer than the peer keeps idle connections: the next request may meet one that is gone.';
    case 'default_retries2':
      return 'tcp_retries2 has its default of 15: unacknowledged data is retransmitted for more than 15 minutes.';
    case 'default_syn_retries':
      return 'tcp_syn_retries has its default of 6: connecting to a host that is gone takes more than two minutes.';
  }
}

function limitsWords(limits: readonly PathIdleLimit[]): string {
  return limits.map(({ name, limitMs }) => `${durationWords(limitMs * 1000)} (${name})`).join(', ');
}
