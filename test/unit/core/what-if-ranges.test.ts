// Proves which settings are refused, and that each is refused by name and with what is possible. The limits themselves are
// those of the kernel: what it took for its sysctls was tried on 6.18; it cannot be proved for other kernels here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whatIfProblem } from '../../../daemon/core/what-if-ranges.js';
import type { WhatIfSettings } from '../../../daemon/core/what-if.js';

const KEEPALIVE = { idleMs: 20_000, intervalMs: 10_000, probes: 3 };
const whole = (range: string): RegExp => new RegExp(`the kernel takes whole numbers from ${range}$`);

const table: readonly (readonly [string, WhatIfSettings, RegExp | null])[] = [
  ['nothing', {}, /^there is nothing to suppose/],
  ['tcp_retries2 at its ends', { tcpRetries2: 0 }, null],
  ['tcp_retries2 at its ends', { tcpRetries2: 255 }, null],
  ['tcp_retries2 above', { tcpRetries2: 256 }, whole('0 to 255')],
  ['tcp_retries2 below', { tcpRetries2: -1 }, /^tcp_retries2 cannot be -1:/],
  ['tcp_syn_retries at its ends', { tcpSynRetries: 1 }, null],
  ['tcp_syn_retries at its ends', { tcpSynRetries: 127 }, null],
  ['tcp_syn_retries below', { tcpSynRetries: 0 }, whole('1 to 127')],
  ['tcp_syn_retries above', { tcpSynRetries: 128 }, /^tcp_syn_retries cannot be 128:/],
  ['tcp_orphan_retries at its end', { tcpOrphanRetries: 255 }, null],
  ['tcp_orphan_retries above', { tcpOrphanRetries: 256 }, /^tcp_orphan_retries cannot be 256:/],
  ['user_timeout at its ends', { userTimeoutMs: 0 }, null],
  ['user_timeout at its ends', { userTimeoutMs: 2 ** 31 - 1 }, null],
  ['user_timeout above', { userTimeoutMs: 2 ** 31 }, whole('0 to 2147483647 ms')],
  ['user_timeout with a fraction', { userTimeoutMs: 1.5 }, /^user_timeout cannot be 1.5 ms:/],
  ['keepalive', { keepalive: KEEPALIVE }, null],
  ['keepalive idle at its end', { keepalive: { ...KEEPALIVE, idleMs: 32_767_000 } }, null],
  ['keepalive idle below', { keepalive: { ...KEEPALIVE, idleMs: 0 } }, whole('1 to 32767 s')],
  ['keepalive idle with a fraction', { keepalive: { ...KEEPALIVE, idleMs: 1500 } }, /^keepalive idle cannot be 1.5 s:/],
  ['keepalive interval above', { keepalive: { ...KEEPALIVE, intervalMs: 32_768_000 } }, /^keepalive interval cannot/],
  ['keepalive probes below', { keepalive: { ...KEEPALIVE, probes: 0 } }, whole('1 to 127')],
  ['keepalive probes above', { keepalive: { ...KEEPALIVE, probes: 128 } }, /^keepalive probes cannot be 128:/],
  ['one of several', { tcpRetries2: 3, userTimeoutMs: -1 }, /^user_timeout/],
  ['NaN', { tcpRetries2: NaN }, /^tcp_retries2 cannot be NaN/],
];
for (const [name, settings, problem] of table) {
  test(`${name}: ${JSON.stringify(settings)}`, () => {
    const found = whatIfProblem(settings);
    if (problem === null) {
      assert.equal(found, null);
    } else {
      assert.match(found ?? 'taken', problem);
    }
  });
}
