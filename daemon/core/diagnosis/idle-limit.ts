/** A connection that was idle for long and then swallows data: something on the path may have forgotten it. */
import { durationWords, idleWords } from '../format-words.js';
import { NOTABLE_IDLE_US } from './evidence.js';
import { item, type Advice } from './item.js';
import type { Program } from './program.js';
import type { KnownOptions, StuckRecord } from '../record.js';

const US_PER_SECOND = 1_000_000;

/** Idle times after which well-known middleboxes drop a connection by default, in seconds, the longest first. */
const LIMITS = [
  [900, '900 s (Linux IPVS)'],
  [350, '350 s (NAT gateway and Network Load Balancer of AWS)'],
  [240, '240 s (load balancer of Azure)'],
  [60, '60 s (Application Load Balancer of AWS)'],
] as const;

/** @returns null if the connection was not idle for long, or if keepalive kept it in use. */
export function idleLimitAdvice(record: StuckRecord, program: Program): Advice | null {
  const { idleBeforeUs, options } = record;
  if (idleBeforeUs === null || idleBeforeUs < NOTABLE_IDLE_US) {
    return null;
  }
  const { keepalive: isOn, keepaliveIdleMs: idleMs } = options;
  if (isOn === true && idleMs !== null && idleMs * 1000 < idleBeforeUs) {
    return null;
  }
  const limit = LIMITS.find(([seconds]) => seconds * US_PER_SECOND <= idleBeforeUs)?.[1] ?? '';
  return item(
    'network',
    `After ${idleWords(idleBeforeUs)} idle a NAT or load balancer may have forgotten it; a common limit is ${limit}. ${keepaliveWords(options)}: let it probe well below the limit${howWords(program)}, or drop idle connections sooner.`,
  );
}

function keepaliveWords({ keepalive, keepaliveIdleMs }: KnownOptions): string {
  if (keepalive === null || (keepalive && keepaliveIdleMs === null)) {
    return 'Whether keepalive would have kept it in use is not known';
  }
  return keepalive
    ? `Keepalive would have begun after ${durationWords((keepaliveIdleMs ?? 0) * 1000)} only`
    : 'Keepalive is off';
}

function howWords(program: Program): string {
  switch (program) {
    case 'node':
      return ' (socket.setKeepAlive(true, 20_000))';
    case 'python':
    case 'unknown':
      return ' (SO_KEEPALIVE and TCP_KEEPIDLE)';
    case 'java':
    case 'envoy':
    case 'nginx':
    case 'haproxy':
    case 'postgres':
    case 'redis':
      return '';
  }
}
