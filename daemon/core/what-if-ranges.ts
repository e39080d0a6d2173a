/** What the kernel takes for the settings that can be supposed (net/ipv4/sysctl_net_ipv4.c, net/ipv4/tcp.c). */
import type { WhatIfSettings } from './what-if.js';

interface Range {
  readonly name: string;
  readonly value: number | undefined;
  readonly min: number;
  readonly max: number;
  /** 1000 for what the kernel takes in seconds. */
  readonly unitMs?: number;
  readonly unit?: string;
}

/** `MAX_TCP_KEEPIDLE` and `MAX_TCP_KEEPINTVL`. */
const KEEPALIVE_SECONDS_MAX = 32_767;

/** `MAX_TCP_KEEPCNT` and `MAX_TCP_SYNCNT`. */
const COUNT_MAX = 127;

function rangesOf({ tcpRetries2, tcpSynRetries, tcpOrphanRetries, userTimeoutMs, keepalive }: WhatIfSettings): Range[] {
  const seconds = { min: 1, max: KEEPALIVE_SECONDS_MAX, unitMs: 1000, unit: ' s' };
  return [
    { name: 'tcp_retries2', value: tcpRetries2, min: 0, max: 255 },
    { name: 'tcp_syn_retries', value: tcpSynRetries, min: 1, max: COUNT_MAX },
    { name: 'tcp_orphan_retries', value: tcpOrphanRetries, min: 0, max: 255 },
    { name: 'user_timeout', value: userTimeoutMs, min: 0, max: 2 ** 31 - 1, unit: ' ms' },
    { name: 'keepalive idle', value: keepalive?.idleMs, ...seconds },
    { name: 'keepalive interval', value: keepalive?.intervalMs, ...seconds },
    { name: 'keepalive probes', value: keepalive?.probes, min: 1, max: COUNT_MAX },
  ];
}

/** @returns what the kernel would refuse, as a sentence without its full stop; null if it would take all of it. */
export function whatIfProblem(settings: WhatIfSettings): string | null {
  const ranges = rangesOf(settings).filter(({ value }) => value !== undefined);
  if (ranges.length === 0) {
    return 'there is nothing to suppose: give at least one setting';
  }
  const refused = ranges.find(({ value = 0, min, max, unitMs = 1 }) => {
    const count = value / unitMs;
    return !Number.isInteger(count) || count < min || count > max;
  });
  if (refused === undefined) {
    return null;
  }
  const { name, value = 0, min, max, unitMs = 1, unit = '' } = refused;
  return `${name} cannot be ${value / unitMs}${unit}: the kernel takes whole numbers from ${min} to ${max}${unit}`;
}
