/** `--what-if`: settings to suppose, as people write them. */
import { whatIfProblem } from '../core/what-if-ranges.js';
import type { WhatIfSettings } from '../core/what-if.js';
import { parseDurationMs } from '../lib/duration.js';
import type { WhatIfRequest } from '../rpc/grpc-client.js';
import { durationFromUs } from '../rpc/proto-time.js';
import { UsageError } from './cli-io.js';

export interface WhatIfQuestion {
  /** As it was asked, to be repeated in the answer: `tcp_retries2=8, user-timeout=30s`. */
  readonly words: string;
  readonly request: WhatIfRequest;
}

type Parse = (text: string) => WhatIfSettings | null;

const SETTINGS: ReadonlyMap<string, { readonly form: string; readonly parse: Parse }> = new Map([
  ['tcp_retries2', { form: 'tcp_retries2=N', parse: (text) => count(text, (tcpRetries2) => ({ tcpRetries2 })) }],
  ['tcp_syn_retries', { form: 'tcp_syn_retries=N', parse: (text) => count(text, (n) => ({ tcpSynRetries: n })) }],
  [
    'tcp_orphan_retries',
    { form: 'tcp_orphan_retries=N', parse: (text) => count(text, (n) => ({ tcpOrphanRetries: n })) },
  ],
  ['user_timeout', { form: 'user-timeout=30s', parse: userTimeout }],
  ['keepalive', { form: 'keepalive=20s/10s/3 (idle, interval, probes)', parse: keepalive }],
]);

function count(text: string, make: (value: number) => WhatIfSettings): WhatIfSettings | null {
  return /^\d{1,10}$/.test(text) ? make(Number(text)) : null;
}

function userTimeout(text: string): WhatIfSettings | null {
  const userTimeoutMs = text === '0' ? 0 : parseDurationMs(text);
  return userTimeoutMs === null ? null : { userTimeoutMs };
}

function keepalive(text: string): WhatIfSettings | null {
  const [idle = '', interval = '', probes = '', ...rest] = text.split('/');
  const idleMs = parseDurationMs(idle);
  const intervalMs = parseDurationMs(interval);
  return idleMs === null || intervalMs === null || !/^\d{1,10}$/.test(probes) || rest.length > 0
    ? null
    : { keepalive: { idleMs, intervalMs, probes: Number(probes) } };
}

function usageError(text: string, problem: string): UsageError {
  const forms = [...SETTINGS.values()].map(({ form }) => form).join(', ');
  return new UsageError(`--what-if ${JSON.stringify(text)}: ${problem}; possible are ${forms}`);
}

function parseOne(text: string): WhatIfSettings {
  const equals = text.indexOf('=');
  const setting = SETTINGS.get(text.slice(0, Math.max(0, equals)).toLowerCase().replaceAll('-', '_'));
  if (setting === undefined) {
    throw usageError(text, 'this setting cannot be supposed');
  }
  const parsed = setting.parse(text.slice(equals + 1));
  if (parsed === null) {
    throw usageError(text, `write ${setting.form}`);
  }
  const problem = whatIfProblem(parsed);
  if (problem !== null) {
    throw usageError(text, problem);
  }
  return parsed;
}

/**
 * @param texts one setting each; of two that are the same the later one holds.
 * @throws UsageError that names what is possible.
 */
export function parseWhatIfQuestion(texts: readonly string[]): WhatIfQuestion | null {
  if (texts.length === 0) {
    return null;
  }
  const settings = texts.map(parseOne).reduce((all, one) => ({ ...all, ...one }), {});
  return { words: texts.join(', '), request: toRequest(settings) };
}

function toRequest(settings: WhatIfSettings): WhatIfRequest {
  const { tcpRetries2, tcpSynRetries, tcpOrphanRetries, userTimeoutMs, keepalive: probing } = settings;
  return {
    tcpRetries2: tcpRetries2 ?? null,
    tcpSynRetries: tcpSynRetries ?? null,
    tcpOrphanRetries: tcpOrphanRetries ?? null,
    userTimeout: userTimeoutMs === undefined ? null : durationFromUs(userTimeoutMs * 1000),
    keepalive:
      probing === undefined
        ? null
        : {
            idle: durationFromUs(probing.idleMs * 1000),
            interval: durationFromUs(probing.intervalMs * 1000),
            probes: probing.probes,
          },
  };
}
